#!/bin/sh
# Gets a token, then the same summary over GraphQL and over REST. Run it while `make demo` runs.
set -eu

GATEWAY=${GATEWAY:-http://127.0.0.1:8000}
KEY=${GATEWAY_KEY:-demo-key}
SECRET=${GATEWAY_SECRET:-demo-secret}
json='Content-Type: application/json'

# A token for a back end. For a user of your app, add "customer": such a token reads only this customer.
token=$(curl -sS "$GATEWAY/v3/oauth/token/generate" -H "$json" \
  -d "{\"key\": \"$KEY\", \"secret\": \"$SECRET\"}" | sed -n 's/.*"accessToken":"\([^"]*\)".*/\1/p')

echo 'GraphQL: only the selected fields'
curl -sS "$GATEWAY/graphql" -H "Authorization: Bearer $token" -H "$json" -d '{
  "query": "query ($mobile: String!) { customerPromotionActionSummary(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: \"2568\", promotionId: \"2000065\") { points { pointsCategory totalPointsIssued } } }",
  "variables": {"mobile": "919078345795"}
}'

printf '\n\nREST: the whole summary\n'
curl -sS -G "$GATEWAY/v2/customers/lookup/customerPromotionDetails/actionSummary" \
  -H "X-CAP-API-OAUTH-TOKEN: $token" \
  -d source=INSTORE -d identifierName=mobile -d identifierValue=919078345795 \
  -d programId=2568 -d promotionId=2000065
echo
