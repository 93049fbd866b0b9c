import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Uploaded files, and the datasets made of them.
 *
 * A dataset's id is the id of the job that makes it. Its row stands from the job's first step on, unpublished and so invisible, and names the run
 * (fencing token) that may write its rows; whoever writes locks it FOR SHARE and finds its own run there, or writes nothing.
 */
export class CreateImports1763800400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...tables, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table dataset_rows, datasets, uploads`);
  }
}

const sha256 = (table: string) => `constraint ${table}_sha256_shape check (sha256 ~ '^[0-9a-f]{64}$')`;

const tables = [
  `create table uploads (
     id uuid constraint uploads_pk primary key,
     organization_id uuid not null constraint uploads_organization_fk references organizations on delete cascade,
     job_id uuid not null,
     file_name text not null constraint uploads_file_name_length check (length(file_name) between 1 and 255),
     content_type text constraint uploads_content_type_length check (length(content_type) <= 255),
     bytes bigint not null constraint uploads_bytes_positive check (bytes >= 0),
     sha256 text not null ${sha256('uploads')},
     created_by uuid,
     settled_at timestamptz,
     created_at timestamptz not null default carillon_now()
   )`,
  `comment on column uploads.job_id is 'the import; no foreign key, because jobs are pruned'`,
  `comment on column uploads.settled_at is 'since when nothing of it waits in the staging area: it became a dataset, was a duplicate, or was thrown away'`,
  `create index uploads_organization on uploads (organization_id, id)`,
  `create index uploads_unsettled on uploads (created_at) where settled_at is null`,
  `create table datasets (
     id uuid constraint datasets_pk primary key,
     organization_id uuid not null constraint datasets_organization_fk references organizations on delete cascade,
     upload_id uuid not null,
     run bigint not null,
     name text not null constraint datasets_name_length check (length(name) between 1 and 255),
     file_name text not null,
     bytes bigint not null,
     sha256 text not null ${sha256('datasets')},
     format jsonb not null default '{}'::jsonb,
     columns jsonb not null default '[]'::jsonb constraint datasets_columns_array check (jsonb_typeof(columns) = 'array'),
     row_count int not null default 0,
     bad_row_count int not null default 0,
     bad_row_samples jsonb not null default '[]'::jsonb,
     created_by uuid,
     published_at timestamptz,
     created_at timestamptz not null default carillon_now()
   )`,
  `comment on column datasets.run is 'fencing token of the run of the job that may write rows and publish'`,
  // Of several imports of one content the first to publish wins; the others find it here.
  `create unique index datasets_content_unique on datasets (organization_id, sha256) where published_at is not null`,
  `create index datasets_organization on datasets (organization_id, id) where published_at is not null`,
  // data: the values in the order of the dataset's columns; keys in every row would double the table.
  `create table dataset_rows (
     dataset_id uuid not null,
     run bigint not null,
     row_number int not null,
     organization_id uuid not null,
     data jsonb not null,
     constraint dataset_rows_pk primary key (dataset_id, run, row_number),
     constraint dataset_rows_dataset_fk foreign key (dataset_id) references datasets on delete cascade
   )`,
];

const walls = [
  `call carillon_raise_wall('uploads', 'select, insert, update')`,
  `call carillon_raise_wall('datasets', 'select, insert, update, delete')`,
  `call carillon_raise_wall('dataset_rows', 'select, insert, delete')`,
];
