#!/bin/sh
# The further interpreters that RUNTIMES names, as Debian has them: numerai-3.11 on bookworm.
#
#   interpreters.sh interpreters NAME...    installs the interpreters
#   interpreters.sh environments NAME...    and makes /opt/runtimes/NAME, with the libraries that the
#                                           models of the default runtime find, as pins/NAME.txt says
set -eu
what=$1
shift
mkdir -p /opt/runtimes
[ $# -gt 0 ] || exit 0

for name in "$@"; do
  case $name in
    numerai-3.[0-9]*) ;;
    *) echo "error: RUNTIMES: $name is not a name such as numerai-3.11" >&2; exit 2 ;;
  esac
done
apt-get update -qq
for name in "$@"; do
  python=python${name#numerai-}
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$python" > /dev/null || {
    echo "error: RUNTIMES: the base image's Debian has no $python; it offers:" >&2
    apt-cache search --names-only '^python3\.[0-9]+$' >&2
    exit 2
  }
  [ "$what" = environments ] || continue
  "$python" -m venv --without-pip "/opt/runtimes/$name"
  pip --python "/opt/runtimes/$name/bin/python" install --no-compile --only-binary :all: \
    -c "pins/$name.txt" cloudpickle joblib lightgbm numpy pandas pyarrow scikit-learn scipy
  python slim.py "$(echo "/opt/runtimes/$name"/lib/python3.*/site-packages)"
done
rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/*
