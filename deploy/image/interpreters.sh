#!/bin/sh
# The further interpreters that RUNTIMES names, as Debian has them: numerai-3.11 on bookworm.
#
#   interpreters.sh interpreters NAME...    installs the interpreters
#   interpreters.sh environments NAME...    and makes /opt/runtimes/NAME, with the libraries that the
#                                           models of the default runtime find and those of EXTRAS, in
#                                           the versions of pins/NAME.txt
#
# All that pins/NAME.txt names would be more than 260 MB of the pull instead of 106.
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
  # What Numerai's image lacks has the version that is locked for every Python.
  awk -F= 'NR == FNR { pinned[$1]; print; next } !($1 in pinned)' "pins/$name.txt" pins/constraints.txt > "$name.txt"
  python requirements.py pyproject.toml --extras ${EXTRAS:-} > wanted.txt
  pip --python "/opt/runtimes/$name/bin/python" install --no-compile --only-binary :all: \
    -c "$name.txt" -r wanted.txt cloudpickle joblib lightgbm numpy pandas pyarrow scikit-learn scipy
  python slim.py "$(echo "/opt/runtimes/$name"/lib/python3.*/site-packages)"
  # 10 MB of the pull; a model process that imports all of it starts in 1.0 s instead of 2.8.
  "/opt/runtimes/$name/bin/python" precompile.py / cloudpickle joblib lightgbm pandas pyarrow.parquet \
    scipy.stats sklearn.ensemble sklearn.linear_model sklearn.pipeline catboost keras onnxruntime xgboost
done
rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/*
