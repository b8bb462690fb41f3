#!/bin/sh
# Builds the wheel and the source archive, answers the documented request with each of them in an empty
# environment, and writes the text of the release. `make release` runs it, after it has bundled the pages.
set -eu

PYTHON=$1
PORT=${PORT:-8000}
version=$("$PYTHON" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')

rm -rf dist
"$PYTHON" -m hatchling build >/dev/null

environment=$(mktemp -d)
demo=
trap 'if [ -n "$demo" ]; then kill "$demo" || true; fi; rm -rf "$environment"' EXIT
for archive in "dist/promo_gateway-$version-py3-none-any.whl" "dist/promo_gateway-$version.tar.gz"; do
  "$PYTHON" -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check "$archive[embedded]"
  "$environment/bin/promo-gateway" demo --port "$PORT" >/dev/null 2>&1 &
  demo=$!
  attempts=0
  until curl -sf "http://127.0.0.1:$PORT/health/ready" >/dev/null; do
    attempts=$((attempts + 1))
    if [ "$attempts" -gt 120 ]; then echo "$archive: the demo does not start." >&2; exit 1; fi
    sleep 0.5
  done
  GATEWAY="http://127.0.0.1:$PORT" sh examples/curl.sh | grep -q '"totalPointsIssued":600.000'
  curl -sf -H 'Accept: text/html' "http://127.0.0.1:$PORT/graphql" | grep -q '/assets/'
  kill "$demo"
  wait "$demo"
  demo=
  echo "$archive answers the documented request."
done

awk -v heading="## $version" '$0 == heading { found = 1; next } /^## / { found = 0 } found' CHANGELOG.md >dist/release.md
cat <<EOF
The text of the release is dist/release.md. To release $version:
  git tag --annotate v$version --cleanup=whitespace --file dist/release.md
  cp schema.graphql tests/schema/last_release.graphql    # commit it with the next version
EOF
