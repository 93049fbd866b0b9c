import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../platform/database/index.js';
import { decodeCursor, encodeCursor, notFound, type Principal, totalOf } from '../platform/http/index.js';
import type { JobListQueryDto } from './job-list-query.dto.js';
import { instantOf } from './id-range.js';
import { findJob, findOwnJob, jobsOf, logOfJob } from './job-queries.js';
import { findJobs, type JobPage } from './job-search.js';
import { withinReachOf } from './job-scope.js';
import type { JobDto, JobLogPageDto, JobPageDto, JobWithAttemptsDto, JobWithLogDto } from './job.dto.js';
import { idsOfOwnActiveJobs } from './own-job-queries.js';

/** A job keeps at most so many lines. */
const wholeLog = { skip: 0, limit: 1_000 };

/** What may be read of jobs, and by whom. What is out of reach is not there: 404. */
@Injectable()
export class JobReader {
  constructor(private readonly database: Database) {}

  /** @throws Problem 400 for a cursor that is not of this list and order. */
  list(principal: Principal, query: JobListQueryDto): Promise<JobPageDto> {
    const { skip, limit, cursor, sort, ...filter } = query;
    const oldestFirst = sort === 'createdAt';
    const list = `jobs ${oldestFirst ? 'createdAt' : '-createdAt'}`;
    const after = cursor === undefined ? undefined : (decodeCursor(list, cursor)[0] as string);
    const page: JobPage = { skip, limit, oldestFirst, ...(after !== undefined && { after }) };
    return withinReachOf(principal, this.database, async (tx, organizationId) => {
      // somebody else's organisation holds nothing that is within reach
      if (organizationId && filter.organizationId && filter.organizationId !== organizationId) return nothing;
      const wanted = { ...filter, ...(organizationId && { organizationId }) };
      const { ids, counted, countedInPart, searchedTo } = await findJobs(tx, wanted, page);
      const shown = ids.slice(0, limit);
      const last = ids.length > limit ? shown.at(-1)! : searchedTo;
      return {
        jobs: await jobsOf(tx, shown),
        ...totalOf(counted),
        ...(countedInPart && { totalIsEstimate: true }),
        nextCursor: last === undefined ? null : encodeCursor(list, [last]),
        ...(searchedTo !== undefined && { searchedTo: instantOf(searchedTo) }),
      };
    });
  }

  /** @throws Problem 404. */
  one(principal: Principal, jobId: string): Promise<JobWithAttemptsDto> {
    return withinReachOf(principal, this.database, (tx) => existing(findJob(tx, jobId)));
  }

  /** @throws Problem 404. */
  log(principal: Principal, jobId: string, page: { skip: number; limit: number }): Promise<JobLogPageDto> {
    return withinReachOf(principal, this.database, async (tx) => {
      await existing(findJob(tx, jobId));
      return logOfJob(tx, jobId, page);
    });
  }

  /** @throws Problem 404. */
  withLog(principal: Principal, jobId: string): Promise<JobWithLogDto> {
    return withinReachOf(principal, this.database, async (tx) => {
      const job = await existing(findJob(tx, jobId));
      const { entries } = await logOfJob(tx, jobId, wholeLog);
      return { ...job, log: entries };
    });
  }

  /** @throws Problem 404 for a job that somebody else asked for. */
  own(principal: Principal, jobId: string): Promise<JobDto> {
    return this.amongOwn(principal, (tx) => existing(findOwnJob(tx, jobId, principal.id)));
  }

  ownActive(principal: Principal): Promise<JobDto[]> {
    return this.amongOwn(principal, async (tx) => jobsOf(tx, await idsOfOwnActiveJobs(tx, principal.id)));
  }

  /** A SystemAdmin may have asked for jobs in any organisation, and finds its own in each. */
  private amongOwn<T>(principal: Principal, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return withinReachOf({ ...principal, allOrganizations: principal.role === 'SystemAdmin' }, this.database, work);
  }
}

const nothing: JobPageDto = { jobs: [], total: 0, nextCursor: null };

async function existing<T>(found: Promise<T | null>): Promise<T> {
  const job = await found;
  if (job === null) throw notFound('job');
  return job;
}
