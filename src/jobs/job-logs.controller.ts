import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, PageQuery, type Principal, RequireRole, UuidParam } from '../platform/http/index.js';
import { JobListQueryDto } from './job-list-query.dto.js';
import { JobReader } from './job-reader.js';
import { JobStatisticsDto, JobStatisticsQueryDto } from './statistics/job-statistics.dto.js';
import { JobStatistics } from './statistics/job-statistics.js';
import { JobPageDto, JobWithLogDto } from './job.dto.js';

/** What jobs did: the history of an organisation's jobs, with their logs. */
@ApiTags('job logs')
@Controller('job-logs')
@RequireRole('OrgAdmin')
export class JobLogsController {
  constructor(
    private readonly reader: JobReader,
    private readonly statistics: JobStatistics,
  ) {}

  /** Jobs that meet all of the conditions, newest first. */
  @Get()
  list(@CurrentPrincipal() principal: Principal, @Query() query: JobListQueryDto): Promise<JobPageDto> {
    return this.reader.list(principal, query);
  }

  /** All queued and processing jobs, newest first. */
  @Get('active')
  active(@CurrentPrincipal() principal: Principal, @Query() query: PageQuery): Promise<JobPageDto> {
    return this.reader.list(principal, { ...query, status: ['queued', 'processing'] });
  }

  /** What ended within a period (default: the last 24 hours), by type, queue, hour or day, and what waits and runs now. */
  @Get('statistics')
  summary(@CurrentPrincipal() principal: Principal, @Query() query: JobStatisticsQueryDto): Promise<JobStatisticsDto> {
    return this.statistics.of(principal, query);
  }

  /** One job with its attempts and its log. */
  @Get(':id')
  one(@CurrentPrincipal() principal: Principal, @UuidParam('id', 'job') id: string): Promise<JobWithLogDto> {
    return this.reader.withLog(principal, id);
  }
}
