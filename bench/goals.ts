/** What a figure should reach, and what would be remarkable. */
export interface Goal {
  readonly reach: number
  readonly moonshot: number
  /** Whether a smaller figure is the better one. */
  readonly smaller?: true
}

/** The goals on two cores, each a ratio of one run unless its key names a unit. */
export const GOALS = {
  settle: { reach: 1.3, moonshot: 2.5 },
  ledger_lines: { reach: 2.5, moonshot: 5 },
  settle_vs_orm: { reach: 30, moonshot: 100 },
  thousand_organizations: { reach: 0.5, moonshot: 0.9 },
  large_ledger: { reach: 0.7, moonshot: 0.95 },
  settle_p99: { reach: 4, moonshot: 2, smaller: true },
  verify_rows_per_second: { reach: 100_000, moonshot: 500_000 },
  recovery_p99_seconds: { reach: 10, moonshot: 6, smaller: true },
  pipeline_redis: { reach: 0.25, moonshot: 0.5 },
  pipeline_postgres: { reach: 0.75, moonshot: 0.95 },
  flow_redis: { reach: 0.25, moonshot: 0.5 },
  flow_postgres: { reach: 0.75, moonshot: 0.95 },
  prose: { reach: 2, moonshot: 4 },
  code: { reach: 2, moonshot: 4 },
  chinese: { reach: 1, moonshot: 2 },
  worst_case_seconds: { reach: 0.5, moonshot: 0.2, smaller: true },
  doubling: { reach: 2.5, moonshot: 2.2, smaller: true },
  mismatches: { reach: 0, moonshot: 0, smaller: true },
  submit: { reach: 0.6, moonshot: 0.9 },
  balance_p99_ms: { reach: 60, moonshot: 20, smaller: true },
  loop_lag_p99_ms: { reach: 50, moonshot: 10, smaller: true },
} as const satisfies Record<string, Goal>

export type FigureKey = keyof typeof GOALS
