"$HOLT" embed --pooling last "an otter" "a den" "an otter" > vectors
sort -u vectors | wc -l
wc -l < vectors
printf 'an otter\n\na den\n' | "$HOLT" embed --pooling last --cpu-mask baseline --threads 1 > lines
head -n 2 vectors | cmp - lines && echo "the same bits"
"$HOLT" embed --pooling mean --json "an otter" | grep -c '"tokens"'
"$HOLT" embed "an otter"
"$HOLT" embed --pooling max "an otter"
"$HOLT" embed --length 5000 "an otter"
"$HOLT" embed < /dev/null
"$HOLT" rerank "an otter" "a den"
"$HOLT" rerank
ls
