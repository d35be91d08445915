# For comparison only, see `make image-report`: the same packages in the same base, plainly installed.
ARG BASE_DIGEST=""
FROM python:3.12-slim-bookworm${BASE_DIGEST}
ARG EXTRAS=""
WORKDIR /job
COPY . .
RUN python deploy/image/requirements.py pyproject.toml ${EXTRAS} > wanted.txt \
 && pip install --quiet --no-cache-dir -c deploy/image/constraints.txt -r wanted.txt \
 && pip install --quiet --no-cache-dir --no-deps .
ENTRYPOINT ["python", "-m", "job"]
