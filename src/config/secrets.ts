import type { Config } from './config.ts'

/** The values among the settings that nobody may read in a log: keys, and the passwords in URLs. */
export function secretsOf(config: Config): readonly string[] {
  const { adminApiKey, llm, databaseUrl, databaseOwnerUrl, redisUrl } = config
  const passwords = [databaseUrl, databaseOwnerUrl, redisUrl].flatMap((url) => {
    const password = url === undefined ? '' : (URL.parse(url)?.password ?? '')
    return [password, decoded(password)]
  })
  return [...new Set([adminApiKey ?? '', llm.apiKey ?? '', ...passwords])].filter((value) => value !== '')
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}
