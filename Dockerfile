# The prober as a container: one region each, `prober serve` on port 9115.
#   docker run -p 9115:9115 -e PROBER_REGION=eu-west-1 -v ./probes.yaml:/etc/prober/probes.yaml:ro prober
# Chromium's sandbox needs user namespaces, which Docker's default seccomp profile denies: allow them with a profile
# of your own (--security-opt seccomp=FILE), or add --cap-add SYS_ADMIN. `prober doctor` in the container says which it is.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# Only for a network whose proxy signs with a certificate authority of its own.
ARG SSL_CERT_FILE
ARG PIP_CERT
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv
WORKDIR /src
COPY scripts/bootstrap.lock scripts/
RUN python3 -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r scripts/bootstrap.lock
COPY pyproject.toml requirements.lock README.md ./
COPY prober prober
# As constraints the lock gives versions and hashes of what the package itself needs, without the development tools.
# The build uses the pinned hatchling of /opt/build; the environment that is shipped holds neither pip nor uv.
RUN /opt/build/bin/python -m hatchling build -t wheel -d /tmp/wheel \
    && /opt/build/bin/uv venv --no-cache --python /usr/bin/python3 /opt/prober \
    && /opt/build/bin/uv pip install --no-cache --no-build --python /opt/prober \
       --constraints requirements.lock --compile-bytecode "$(echo /tmp/wheel/*.whl)[elasticsearch,otel,remote-write]"

FROM ${BASE}
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
       ca-certificates chromium chromium-sandbox fonts-liberation python3 tini tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 prober \
    && useradd --uid 10001 --gid prober --home-dir /var/lib/prober --create-home --shell /usr/sbin/nologin prober
COPY --from=build /opt/prober /opt/prober
COPY --chown=prober:prober probes.yaml /etc/prober/
COPY --chown=prober:prober checks /etc/prober/checks
ENV PATH=/opt/prober/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PROBER_LISTEN=0.0.0.0:9115 \
    PROBER_STORE=/var/lib/prober/prober.db \
    PROBER_ARTIFACTS=/var/lib/prober/artifacts \
    PROBER_BROWSER_EXECUTABLE=/usr/bin/chromium
USER prober
WORKDIR /var/lib/prober
VOLUME /var/lib/prober
EXPOSE 9115
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:' + os.environ['PROBER_LISTEN'].rpartition(':')[2] + '/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--", "prober"]
CMD ["serve", "--config", "/etc/prober/probes.yaml"]
