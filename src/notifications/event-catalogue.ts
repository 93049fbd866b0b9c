/** The event types that Carillon itself knows; which channels each goes to by default stands in `libs/delivery-policy`. */
export interface EventType {
  key: string;
  title: string;
  /** Sent whatever triggers and preferences say. */
  mandatory: boolean;
}

const titles: Readonly<Record<string, string>> = {
  'employee.created': 'An employee was added',
  'leave.requested': 'Leave was requested',
  'leave.approved': 'Leave was approved',
  'payroll.processed': 'Payroll was processed',
  'alert.raised': 'An alert was raised',
  'alert.critical': 'A critical alert was raised',
  'job.completed': 'A job is done',
  'job.failed': 'A job failed',
  'job.dead': 'A job needs an administrator',
  'schedule.missed': 'A schedule was missed',
  'channel.unhealthy': 'A channel does not work',
};

export const eventCatalogue: ReadonlyMap<string, EventType> = new Map(
  Object.entries(titles).map(([key, title]) => [key, { key, title, mandatory: false }]),
);

/** What a test message is the delivery of; not to be subscribed to. */
export const testEventType = 'notification.test';
