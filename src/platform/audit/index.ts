export { type AuditActor, type AuditEntry, recordAudit, recordRefusal } from './audit-log.js';
