# The demo of the README: docker build -t finecl . && docker run --rm -v "$PWD/runs:/work/runs" finecl
# With a GPU: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 -t finecl . && docker run --gpus all ...
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY . .
# torch first, from its own index, in the version that constraints.txt pins; the rest must not replace it.
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)" \
    && pip install --no-cache-dir -c constraints.txt '.[quickstart]'
WORKDIR /work
RUN useradd --create-home finecl && chown finecl /work
USER finecl
ENTRYPOINT ["finecl"]
CMD ["train", "--scorer", "learning-order", "--weighting", "exp"]
