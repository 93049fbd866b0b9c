import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';

export const jobFinishHookMetadata = 'carillon:job-finish-hook';

/**
 * Makes a provider a FinishHook; found at boot in every module's providers, like handlers.
 *
 *     @JobFinishHook()
 *     export class TellOfEndedJobs implements FinishHook<EventToRaise> {
 *       rowFor(run: EndedRun): EventToRaise | null { … }                      // pure, before the transaction; null tells nothing
 *       async insert(tx: Sql, rows: EventToRaise[]): Promise<void> { … }      // one statement, as carillon_engine, in the finishing transaction
 *     }
 *
 * Called for every run that ended its job for good (completed, failed, cancelled while running; a queued job that is cancelled had no
 * run), the last loss of a poison job included, and never for internal types. An `insert` that fails is tried again by halves; the
 * job whose row it will not take fails with `result_rejected`.
 */
export const JobFinishHook = () => applyDecorators(Injectable(), SetMetadata(jobFinishHookMetadata, true));
