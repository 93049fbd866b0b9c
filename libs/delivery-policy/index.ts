export {
  type ChannelName,
  builtInSettings,
  effectiveSettings,
  type EffectiveSettings,
  type Layer,
  type Layered,
  type OrganizationSettings,
  readUserPreferences,
  type UserPreferences,
} from './preferences.js';
export { type Decision, type DropReason, plan, type Plan, type PlanInput, type Severity } from './plan.js';
export {
  firstOpenInstant,
  isQuiet,
  leavesNoOpenMinute,
  type QuietWindow,
  type Weekday,
  windowProblem,
} from './quiet-hours.js';
export { encodeTrace, readTrace, type TraceStep } from './trace.js';
export { isTimeZone } from './zone-clock.js';
