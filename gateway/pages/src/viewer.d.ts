// The types of `swagger-ui-dist` do not include its only file that is a module.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  export { SwaggerUIBundle as default } from "swagger-ui-dist";
}
