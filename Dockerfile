# The service with its dashboard. Two stages: the build tools stay in the first.
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/gadwatch \
    && /opt/gadwatch/bin/pip install --no-cache-dir --constraint constraints.txt '.[service]'

FROM python:3.13-slim
LABEL org.opencontainers.image.title="gadwatch" \
      org.opencontainers.image.licenses="Apache-2.0"
# /data: what the service keeps; /secrets: what it is told (see docker-compose.yml). Volumes mounted
# there take over this ownership, so the account needs no right anywhere else.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin gadwatch \
    && install --directory --owner=gadwatch --group=gadwatch --mode=0700 /data \
    && install --directory --owner=gadwatch --group=gadwatch --mode=0711 /secrets
COPY --from=build /opt/gadwatch /opt/gadwatch
ENV PATH=/opt/gadwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GADWATCH_DATA_DIR=/data \
    GADWATCH_HOST=0.0.0.0 \
    GADWATCH_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8400/readyz', timeout=2)"]
ENTRYPOINT ["gadwatch"]
CMD ["serve"]
