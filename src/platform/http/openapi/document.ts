import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { operationName, withConventions } from './conventions.js';

const description = `Background jobs, schedules and notifications for organisations.

Errors are \`application/problem+json\` (RFC 9457). Times are ISO 8601 in UTC, ids UUIDs.
Send \`Idempotency-Key\` with what creates, to be able to repeat it safely.`;

const frame = new DocumentBuilder()
  .setTitle('Carillon')
  .setDescription(description)
  .setVersion('1')
  .setOpenAPIVersion('3.1.0')
  .addBearerAuth(
    { type: 'http', scheme: 'bearer', description: 'An access token from POST /api/auth/login.' },
    'bearer',
  )
  .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'An API key, `ck_…`.' }, 'apiKey')
  .build();

/** The OpenAPI 3.1 document of an application, which need not have been initialised: a preview is enough. */
export function describeApi(app: INestApplicationContext): OpenAPIObject {
  const document = SwaggerModule.createDocument(app as NestFastifyApplication, frame, {
    operationIdFactory: operationName,
  });
  return withConventions(document);
}

/** `/openapi.json`, and `/docs` for people; made at the first request. */
export function serveDocument(app: NestFastifyApplication): void {
  let document: OpenAPIObject | undefined;
  SwaggerModule.setup('docs', app, () => (document ??= describeApi(app)), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Carillon API',
  });
}
