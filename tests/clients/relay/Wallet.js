/** The operations for Relay's compiler: a list of promotions from a variable, and pages that a connection joins. */
import { graphql } from "relay-runtime";

graphql`
  query WalletPromotionsQuery($ids: [ID!]!) {
    customer @catch {
      id
      promotionActionSummaries(promotionIds: $ids) {
        id
        promotion {
          id
          name
        }
      }
    }
  }
`;

graphql`
  query WalletQuery($first: Int!) {
    ...Wallet_earned @arguments(first: $first)
  }
`;

graphql`
  fragment Wallet_earned on Query
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" })
  @refetchable(queryName: "WalletPageQuery") {
    customer {
      id
      earnedPromotions(first: $first, after: $after) @connection(key: "Wallet_earnedPromotions") {
        edges {
          node {
            id
            promotion {
              id
              name
            }
            points {
              totalPointsIssued
            }
          }
        }
      }
    }
  }
`;
