# Postkeep as an image: `docker build -t postkeep .`; `--target test` is the tests with all that they need.
# docs/deploy/compose.md says how both are used.

FROM python:3.12-slim AS base
ENV PATH=/opt/postkeep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 postkeep \
    && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin postkeep \
    && install -d -o 10001 -g 10001 -m 0700 /data


FROM base AS build
WORKDIR /build
COPY requirements.txt ./
# The environment has no pip of its own: the base image's installs into it.
RUN python -m venv --without-pip /opt/postkeep \
    && pip --python /opt/postkeep install --no-cache-dir --no-deps --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# What only building needs goes again: the build backend, and the C code that asyncmy was made from.
RUN pip --python /opt/postkeep install --no-cache-dir --no-deps --no-build-isolation . \
    && pip --python /opt/postkeep uninstall --yes uv-build \
    && find /opt/postkeep -name '*.c' -delete


FROM base AS test
WORKDIR /checkout
COPY bin/setup bin/setup
# The Node.js that Playwright brings along needs libatomic, which a slim image lacks.
# hadolint ignore=DL3008
RUN python bin/setup/servers.py \
    && apt-get install --yes --no-install-recommends libatomic1 \
    && rm -rf /var/lib/apt/lists/*
# An environment of the checkout's own, as bin/run and bin/test make it, and look for it.
RUN install -d -o 10001 -g 10001 .cache && chown -R 10001:10001 /checkout
COPY --chown=10001:10001 . .
ENV HOME=/tmp \
    PATH=/checkout/.venv/bin:$PATH
USER 10001:10001
RUN bin/setup/python bin/setup/environment.py dev \
    && .venv/bin/python bin/setup/generators.py
CMD ["pytest"]


FROM base AS app
LABEL org.opencontainers.image.title="Postkeep" \
      org.opencontainers.image.description="Keeps people's posts: sign up, log in, add, list and delete posts that nobody else sees." \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/postkeep /opt/postkeep
ENV POSTKEEP_HOST=0.0.0.0 \
    POSTKEEP_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["postkeep", "healthcheck"]
CMD ["postkeep", "serve"]
