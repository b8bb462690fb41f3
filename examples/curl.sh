#!/bin/sh
# The gateway from a shell: a token, then the same question in GraphQL and over REST. Beside `make demo`.
set -eu

GATEWAY=${GATEWAY:-http://127.0.0.1:8000}
KEY=${GATEWAY_KEY:-demo-key}
SECRET=${GATEWAY_SECRET:-demo-secret}
json='Content-Type: application/json'

# A token of the back end's own. Your app's users get one with "customer" in it, which reads nobody else.
token=$(curl -sS "$GATEWAY/v3/oauth/token/generate" -H "$json" \
  -d "{\"key\": \"$KEY\", \"secret\": \"$SECRET\"}" | sed -n 's/.*"accessToken":"\([^"]*\)".*/\1/p')

echo 'GraphQL: only the fields that are asked for'
curl -sS "$GATEWAY/graphql" -H "Authorization: Bearer $token" -H "$json" -d '{
  "query": "query ($mobile: String!) { customerPromotionActionSummary(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: \"2568\", promotionId: \"2000065\") { points { pointsCategory totalPointsIssued } } }",
  "variables": {"mobile": "919078345795"}
}'

printf '\n\nREST: the original call\n'
curl -sS -G "$GATEWAY/v2/customers/lookup/customerPromotionDetails/actionSummary" \
  -H "X-CAP-API-OAUTH-TOKEN: $token" \
  -d source=INSTORE -d identifierName=mobile -d identifierValue=919078345795 \
  -d programId=2568 -d promotionId=2000065
echo
