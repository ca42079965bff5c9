import { type Mutant, mutantsOf } from './mutant.ts'

/** The door between an agent and its model: what a call may use, and what becomes of calls that break off. */
export const METER_MUTANTS: readonly Mutant[] = mutantsOf(
  'src/agents/metered-llm.ts',
  ['agents/metered-llm'],
  [
    {
      name: 'meter-sends-longer-prompts',
      why: 'a prompt that the hold does not cover is sent, and the platform pays for it',
      find: 'if (promptTokens > promptTokensMax && callsMax > 0) throw',
      replace: 'if (promptTokens < 0) throw',
    },
    {
      name: 'meter-asks-nobody',
      why: 'a job that was refused money goes on calling its model',
      find: 'if (call > 1 && call <= covered) await goOn?.()',
      replace: '',
    },
    {
      name: 'meter-forgets-broken-calls',
      why: 'what a call used that broke off is nobody’s cost',
      find: 'if (partial !== undefined) {',
      replace: 'if (partial === provider.model) {',
    },
    {
      name: 'meter-forgets-calls-under-way',
      why: 'what a model answers after an abort is on no record',
      find: 'while (underWay.size > 0) await Promise.all(underWay)',
      replace: '',
    },
    {
      name: 'meter-charges-broken-calls',
      why: 'the customer pays for an answer that never came',
      find: '    lost: () => lost,',
      replace: '    lost: () => usages.filter((usage) => usage !== null),',
    },
    {
      name: 'meter-asks-for-more-than-held',
      why: 'the model answers longer than the hold can pay',
      find: 'const request = { ...asked, maxOutputTokens, signal }',
      replace: 'const request = { ...asked, maxOutputTokens: 2 * maxOutputTokens, signal }',
    },
  ],
)
