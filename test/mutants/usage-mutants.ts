import { type Mutant, mutantsOf } from './mutant.ts'

/** What a provider says of its tokens: what is believed, and what it means. */
export const USAGE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/monitors/llm-token.monitor.ts',
    ['monitors/llm-token-monitor'],
    [
      {
        name: 'usage-nothing-for-nonsense',
        why: 'usage that a provider reports wrongly costs nothing',
        find: "if (classes !== null) return { model, source: 'reported', classes, ...evidence }",
        replace: "return { model, source: 'reported', classes: classes ?? {}, ...evidence }",
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/llm-token.monitor.ts',
    ['agents/metered-llm'],
    [
      {
        name: 'usage-believes-bytes-of-who-counts-tokens',
        why: 'more tokens are billed than a prompt has that our tokenizer counted',
        find: 'prompt: promptTokensMax,',
        replace: "prompt: Buffer.byteLength(prompt, 'utf8'),",
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/reported-usage.ts',
    ['monitors/reported-usage'],
    [
      {
        name: 'usage-believes-the-impossible',
        why: 'more tokens are billed than the prompt has bytes',
        find: 'sum(PROMPT_CLASSES) <= limits.prompt &&',
        replace: '',
      },
      {
        name: 'usage-answer-without-limit',
        why: 'more tokens are billed than were asked for',
        find: '&& sum(COMPLETION_CLASSES) <= limits.answer',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/usage/reading.ts',
    ['monitors/reported-usage', 'monitors/usage-vectors'],
    [
      {
        name: 'usage-believes-negatives',
        why: 'a negative count lowers the bill',
        find: '&& (value as number) >= 0',
        replace: '',
      },
      {
        name: 'usage-believes-fractions',
        why: 'a fraction of a token is billed',
        find: 'Number.isSafeInteger(value) &&',
        replace: "typeof value === 'number' && Number.isFinite(value) &&",
      },
      {
        name: 'usage-nonsense-as-zero',
        why: 'a figure that is no count is billed as none',
        find: 'return isCount(value) ? value : Number.NaN',
        replace: 'return isCount(value) ? value : 0',
      },
      {
        name: 'usage-absent-as-zero',
        why: 'a call whose usage is missing costs nothing',
        find: 'tokens ?? Number.NaN',
        replace: 'tokens ?? 0',
      },
      {
        name: 'usage-cached-twice',
        why: 'cached tokens are billed at both prices',
        find: 'input: prompt - cacheRead - cacheWrite',
        replace: 'input: prompt - cacheWrite',
      },
      {
        name: 'usage-written-twice',
        why: 'tokens that are written to the cache are billed at both prices',
        find: 'input: prompt - cacheRead - cacheWrite',
        replace: 'input: prompt - cacheRead',
      },
      {
        name: 'usage-reasoning-twice',
        why: 'reasoning is billed as output, too',
        find: 'output: answer - reasoning,',
        replace: 'output: answer,',
      },
      {
        name: 'usage-inherited',
        why: 'what a program put on every object is billed',
        find: 'Object.hasOwn(value, name) ? value[name] : undefined',
        replace: 'value[name]',
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/usage/anthropic.ts',
    ['monitors/usage-vectors'],
    [
      {
        name: 'usage-compaction-for-nothing',
        why: 'what compaction took is not billed',
        find: 'sumOfIterations(usage, stated) ?? stated',
        replace: 'stated',
      },
      {
        name: 'usage-adviser-at-this-price',
        why: "another model's tokens are billed at the price of this one",
        find: "['message', 'compaction']",
        replace: "['message', 'compaction', 'advisor_message', 'fallback_message']",
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/usage/gemini.ts',
    ['monitors/usage-vectors'],
    [
      {
        name: 'usage-unexplained-total',
        why: 'tokens that only the total has are billed as an answer',
        find: '!explained || ',
        replace: '',
      },
      {
        name: 'usage-tools-hide-the-cache',
        why: 'a cache that cannot be is billed out of what a tool brought',
        find: ' || cacheRead > ownPrompt',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/usage/stated-answer.ts',
    ['monitors/usage-vectors'],
    [
      {
        name: 'usage-reasoning-for-nothing',
        why: 'reasoning beside the completion is taken out of it',
        find: 'completion + reasoning ? answer : null',
        replace: 'completion + reasoning ? completion : null',
      },
    ],
  ),
  ...mutantsOf(
    'src/monitors/usage/openai-compatible.ts',
    ['monitors/usage-vectors'],
    [
      {
        name: 'usage-hidden-thinking-for-nothing',
        why: 'thinking that only the total knows makes the report unusable, and is not billed',
        find: 'const reasoning = stated ?? onlyInTotal',
        replace: 'const reasoning = stated ?? 0',
      },
      {
        name: 'usage-cache-as-thinking',
        why: 'a cache beside the prompt is billed twice, as thinking, too',
        find: 'onlyInTotal === optional(cacheRead) + cacheWrite',
        replace: 'false',
      },
      {
        name: 'usage-first-figure-wins',
        why: 'of two figures that contradict each other the first one is billed',
        find: 'tokens === stated[0]) ?',
        replace: 'tokens >= 0) ?',
      },
    ],
  ),
]
