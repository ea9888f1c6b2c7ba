# labelprep as a command:  docker build -t labelprep .
#   docker run --rm -v "$PWD:/data" labelprep validate raw --classes classes.yaml
FROM python:3.13-slim
COPY pyproject.toml README.md LICENSE /src/
COPY labelprep /src/labelprep
# EXTRAS=train adds PyTorch, several gigabytes of it.
ARG EXTRAS=report,s3,gcs
RUN pip install --no-cache-dir "/src[$EXTRAS]" && rm -r /src && useradd --create-home user
USER user
WORKDIR /data
ENTRYPOINT ["labelprep"]
CMD ["--help"]
