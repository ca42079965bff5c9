import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { Router } from 'express'
import helmet from 'helmet'
import { NotFoundError } from '../foundation/errors.ts'
import { openApi } from './openapi.ts'
import { PROBLEMS } from './problems.ts'
import { ROUTES } from './route-table.ts'

const require = createRequire(import.meta.url)
const { version } = require('../../package.json') as { version: string }
const SWAGGER = dirname(require.resolve('swagger-ui-dist/package.json'))
const FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tollkeeper API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"><noscript>This page needs JavaScript; the document itself is <a href="openapi.json">openapi.json</a>.</noscript></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`

const START = `window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  validatorUrl: null,
})
`

/** Swagger UI styles its parts inline, and draws with images in its sheet; it runs from here and talks to here. */
const CONTENT_POLICY = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:'],
    'connect-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  },
})

/** /openapi.json, /docs and /problems/<code>: how to use the API, from our own host alone. Open to whoever reaches it. */
export function docsRoutes(): Router {
  const document = JSON.stringify(openApi(ROUTES, version))
  const router = Router()
  router.get('/openapi.json', (_req, res) => res.type('application/json').send(document))
  router.get('/docs', CONTENT_POLICY, (req, res) => {
    if (req.path.endsWith('/')) return res.redirect('/docs')
    return res.type('html').send(PAGE)
  })
  router.get('/docs/start.js', (_req, res) => res.type('text/javascript').send(START))
  router.use('/docs', (req, _res, next) => {
    if (!FILES.includes(req.path.slice(1))) throw new NotFoundError()
    next()
  })
  router.use('/docs', express.static(SWAGGER, { index: false, maxAge: '1h' }))
  router.get('/problems/:code', (req, res) => {
    const kind = Object.hasOwn(PROBLEMS, req.params.code) ? PROBLEMS[req.params.code] : undefined
    if (!kind) throw new NotFoundError()
    res.json({ type: `/problems/${req.params.code}`, code: req.params.code, ...kind })
  })
  return router
}
