export { type AuditActor, type AuditedTransaction, type AuditEntry, recordAudit, recordRefusal } from './audit-log.js';
export { AuditModule } from './audit.module.js';
export { CallOrigin, type Origin } from './origin.js';
