# The page of live_gradcam in a container: see docs/container.md.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY live_gradcam live_gradcam
RUN python -m venv /opt/live-gradcam
ENV PATH=/opt/live-gradcam/bin:$PATH
# OpenCV's wheel with windows needs libraries of a desktop; the headless one of the same version does not.
# pip takes the newest versions that pyproject.toml allows.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[fast,web]" \
    && version=$(python -c "from importlib.metadata import version; print(version('opencv-python'))") \
    && pip uninstall --yes opencv-python \
    && pip install --no-cache-dir "opencv-python-headless==$version"

FROM python:3.13-slim
# Hugging Face's Spaces run containers as user 1000.
RUN useradd --create-home --uid 1000 live && install --directory --owner=live /home/live/.cache
COPY --from=build /opt/live-gradcam /opt/live-gradcam
ENV PATH=/opt/live-gradcam/bin:$PATH KERAS_HOME=/home/live/.cache/keras PYTHONUNBUFFERED=1
USER 1000
WORKDIR /home/live
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=8)"]
# Plain http, for a proxy with TLS in front. ALLOW_HOST is the name in visitors' addresses, TOKEN their password.
CMD ["sh", "-c", "exec live-gradcam serve --host 0.0.0.0 --insecure --allow-host \"${ALLOW_HOST:-${SPACE_HOST:-localhost}}\" ${TOKEN:+--token \"$TOKEN\"}"]
