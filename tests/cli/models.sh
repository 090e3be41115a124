"$HOLT" models
cp "$ROOT/models/builtin.gguf" otter-Q8_0.gguf
"$HOLT" import otter-Q8_0.gguf --name otter | sed 's/(.*)/(HOW)/'
"$HOLT" import otter-Q8_0.gguf --name otter
"$HOLT" import otter-Q8_0.gguf --name ../otter
"$HOLT" import otter-Q8_0.gguf --name builtin
echo text > text.gguf
"$HOLT" import text.gguf
"$HOLT" import nosuch.gguf
digest=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
store="$HOME/.ollama/models"
mkdir -p "$store/blobs" "$store/manifests/registry.ollama.ai/library/den"
ln otter-Q8_0.gguf "$store/blobs/sha256-$digest"
echo "{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:$digest\"}]}" \
    > "$store/manifests/registry.ollama.ai/library/den/4b"
hub="$HOME/.cache/huggingface/hub/models--acme--Otter-GGUF"
mkdir -p "$hub/snapshots/r1" "$hub/blobs"
ln otter-Q8_0.gguf "$hub/blobs/aa"
ln -s ../../blobs/aa "$hub/snapshots/r1/Otter-Q8_0.gguf"
ln -s ../../blobs/aa "$hub/snapshots/r1/Otter-Q4_K_M.gguf"
mkdir plain && ln otter-Q8_0.gguf plain/heron.gguf && ln text.gguf plain/broken.gguf
echo "model_folders: $PWD/plain" > config.yaml
"$HOLT" models --config config.yaml
"$HOLT" models --json | grep -c '"family": "qwen3"'
for name in otter den:4b den acme/Otter-GGUF:q4_k_m hf.co/acme/Otter-GGUF:Q8_0; do
    "$HOLT" tokenize -m $name "an otter" | wc -l
done
"$HOLT" tokenize --config config.yaml -m heron "an otter" | wc -l
"$HOLT" tokenize -m acme/Otter-GGUF "an otter"
"$HOLT" tokenize -m nosuch "an otter"
"$HOLT" rm den:4b 2>&1 | sed 's/(.*)/(PATH)/'
"$HOLT" rm otter
"$HOLT" rm otter
"$HOLT" rm
