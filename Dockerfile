# The job in a container: what builds stays in the first half, what runs is all of the second.
#
#   docker build -t numerai-job .                            the job and the commonest models
#   docker build --build-arg EXTRAS="xgboost catboost" .     further formats: extras of pyproject.toml
#   docker build --build-arg RUNTIMES="numerai-3.11" .       further interpreters, in /opt/runtimes,
#                                                            with the libraries of EXTRAS too
#   docker build --target job .                              the job, without libraries for models
#
# BASE_DIGEST pins the base image: @sha256:..., as `make base-digest` prints it where a registry can
# be asked. Published images are built with it; without it the tag decides.
ARG BASE_DIGEST=""
FROM python:3.12-slim-bookworm${BASE_DIGEST} AS base
# OpenMP's library, which LightGBM and XGBoost are linked against.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1 > /dev/null \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/*


# ---- what builds ------------------------------------------------------------------------------

FROM base AS builder
# What these stages compile for themselves must not pass for what is compiled for the image.
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_QUIET=1
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils > /dev/null
WORKDIR /build
RUN python -m venv --without-pip /opt/job
COPY deploy/image/constraints.txt deploy/image/requirements.py deploy/image/slim.py deploy/image/precompile.py pyproject.toml ./

# Dependencies come before the source, so that a change of the source rebuilds in seconds.
FROM builder AS job-dependencies
RUN --mount=type=cache,target=/root/.cache/pip \
    python requirements.py pyproject.toml azure notify > wanted.txt \
 && pip --python /opt/job/bin/python install --no-compile --only-binary :all: -c constraints.txt -r wanted.txt
RUN python slim.py /opt/job/lib/python3.12/site-packages
RUN /opt/job/bin/python precompile.py /compiled \
      asyncio concurrent.futures encodings.ascii encodings.idna encodings.latin_1 encodings.utf_8_sig \
      filelock joblib numerapi.base_api pandas psutil pyarrow.csv pyarrow.dataset pyarrow.parquet \
      annotated_types 'pydantic.*' requests ruamel.yaml tabulate tenacity tqdm \
      azure.core.pipeline.transport._requests_basic azure.identity azure.storage.blob \
      apprise 'apprise.plugins.*' \
 && cp -a /compiled/. /

FROM job-dependencies AS dependencies
ARG EXTRAS=""
RUN --mount=type=cache,target=/root/.cache/pip \
    python requirements.py pyproject.toml azure notify demo ${EXTRAS} > wanted.txt \
 && pip --python /opt/job/bin/python install --no-compile --only-binary :all: -c constraints.txt -r wanted.txt
RUN python slim.py /opt/job/lib/python3.12/site-packages
RUN /opt/job/bin/python precompile.py /compiled \
      cloudpickle graphql lightgbm scipy.stats sklearn.ensemble sklearn.linear_model sklearn.pipeline \
      catboost keras onnxruntime xgboost \
 && cp -a /compiled/. /

FROM builder AS runtimes
ARG EXTRAS=""
ARG RUNTIMES=""
COPY deploy/image/interpreters.sh ./
COPY constraints.txt job/runtimes/*.txt pins/
RUN --mount=type=cache,target=/root/.cache/pip sh interpreters.sh environments ${RUNTIMES}

# A wheel of plain Python is unpacked where it belongs; an installer would take longer than all else.
FROM builder AS source
RUN --mount=type=cache,target=/root/.cache/pip \
    python requirements.py pyproject.toml --build > wanted.txt && pip install -r wanted.txt
COPY README.md LICENSE ./
COPY job/ job/
RUN python -c "from setuptools import build_meta; build_meta.build_wheel('wheels')" > /dev/null \
 && python -m zipfile -e wheels/*.whl /source/opt/job/lib/python3.12/site-packages \
 && python -m compileall -q -s /source -p / --invalidation-mode unchecked-hash /source


# ---- what runs --------------------------------------------------------------------------------

FROM base AS runtime
# The user has a number for whoever asks Kubernetes or ACI not to run as root. Nothing is to grant
# it more rights, and nothing is to install anything.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin --no-log-init numerai \
 && install --directory --owner 10001 --group 10001 --mode 1777 /data \
 && install --directory /models \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && chmod go-w /var/tmp /run/lock \
 && rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/2to3* /usr/local/lib/python3.12/ensurepip \
      /usr/local/lib/python3.12/idlelib /usr/local/lib/python3.12/site-packages/*
ENV PATH=/opt/job/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    HOME=/tmp \
    NUMERAI_MODELS_DIR=/models \
    NUMERAI_DATA_DIR=/data
WORKDIR /
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "job"]
ARG SOURCE=""
LABEL org.opencontainers.image.title="numerai-job" \
      org.opencontainers.image.description="Submits every Numerai model that lacks a fresh submission, and ends" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="${SOURCE}"

FROM runtime AS job
COPY --from=job-dependencies /compiled/usr/ /usr/
COPY --from=job-dependencies /opt/job/ /opt/job/
COPY --from=source /source/ /
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"

FROM runtime AS models
ARG RUNTIMES=""
USER root
RUN --mount=type=bind,source=deploy/image/interpreters.sh,target=/tmp/interpreters.sh \
    sh /tmp/interpreters.sh interpreters ${RUNTIMES}
USER 10001:10001
COPY --from=runtimes /opt/runtimes/ /opt/runtimes/
COPY --from=dependencies /compiled/usr/ /usr/
COPY --from=dependencies /opt/job/ /opt/job/
COPY --from=source /source/ /
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
