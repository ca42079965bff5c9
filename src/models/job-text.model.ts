import { defineEntity, p } from '@mikro-orm/core'
import { Job } from './job.model.ts'

const JobTextSchema = defineEntity({
  name: 'JobText',
  tableName: 'job_texts',
  properties: {
    jobId: () =>
      p
        .oneToOne(Job)
        .primary()
        .mapToPk()
        .joinColumn('job_id')
        .foreignKeyName('job_texts_job_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    text: p.text(),
  },
})

/** A job's text, normalised once at the door; apart from `jobs`, so that hot rows stay small. */
export class JobText extends JobTextSchema.class {}
JobTextSchema.setClass(JobText)

export { JobTextSchema }
