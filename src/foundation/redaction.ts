/** What stands in a log line instead of a secret or a customer's text. */
const CUT = '[cut]'

/** Fields whose value is never logged, whatever it is and however deep it lies; case, `-` and `_` make no difference. */
const SECRET_FIELDS: readonly string[] = [
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'password',
  'secret',
  'clientsecret',
  'token',
  'accesstoken',
  'apikey',
  'xapikey',
  'adminapikey',
  'llmapikey',
  'text',
  'texts',
]
const isSecret = (name: string): boolean => SECRET_FIELDS.includes(name.toLowerCase().replaceAll(/[-_]/g, ''))

/** The names as a pattern: each letter may be followed by a separator. */
const NAMES = SECRET_FIELDS.map((name) => [...name].join('[-_]?')).join('|')
/** A field of the line itself, or of JSON that was logged as a text, whose quotes are escaped. */
const NAMED = new RegExp(`"(?:${NAMES})\\\\{0,8}"\\s{0,8}:`, 'i')

/** Nobody reads a longer line, and whoever made it put something there that is none of a log's business. */
const LINE_MAX = 100_000

/** A shorter secret may be a word like any other, which lines need; where it stands in a URL it is cut all the same. */
const VALUE_MIN = 16

/**
 * What gives itself away by its form: our own keys, credentials of a header, passwords in URLs and connection strings, and
 * query parameters. Repetitions are bounded, so that no line takes longer to look through than its length asks for; what a
 * form cannot do without is looked for first, which spares most lines most of it.
 */
const FORMS: readonly (readonly [needs: string, form: RegExp, instead: string])[] = [
  ['tk_', /\btk_[A-Za-z0-9_-]{8,}/g, CUT],
  ['', /\b(Bearer|Basic)\s+[^\s"\\,;]+/gi, `$1 ${CUT}`],
  ['://', /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:@/"\\]{0,200}):[^\s"]{0,500}@/gi, `$1:${CUT}@`],
  ['=', /\b(password|passwd|secret|api[-_]?key|token|cursor)=[^\s&"\\,;]+/gi, `$1=${CUT}`],
]

/**
 * Makes what every log line passes before it is written. It works on the finished line, so that no shape of an object, no
 * bound child and no error's cause gets past it.
 * @param secrets values that must not be shown wherever they come from
 * @returns a function of one line, which is JSON and ends with a line feed
 */
export function createRedaction(secrets: readonly string[]): (line: string) => string {
  const values = secrets.filter((value) => value.length >= VALUE_MIN).flatMap(spellings)
  return (line) => {
    if (line.length > LINE_MAX) return instead(`a log line of ${line.length} characters is left out`)
    let shown = line
    for (const value of values) shown = shown.replaceAll(value, CUT)
    for (const [needs, form, replacement] of FORMS) {
      if (shown.includes(needs)) shown = shown.replace(form, replacement)
    }
    return NAMED.test(shown) ? withoutSecretFields(shown) : shown
  }
}

/** As it is, as JSON writes it, and as a URL does. */
function spellings(value: string): readonly string[] {
  return [...new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])]
}

function withoutSecretFields(line: string): string {
  const cut = (name: string, value: unknown): unknown => {
    const isCut = typeof value === 'string' ? isSecret(name) || NAMED.test(value) : isSecret(name) && value !== null
    return isCut ? CUT : value
  }
  try {
    return `${JSON.stringify(JSON.parse(line, cut))}\n`
  } catch {
    return instead('a log line could not be read, and is left out')
  }
}

function instead(msg: string): string {
  return `${JSON.stringify({ level: 50, time: Date.now(), msg })}\n`
}
