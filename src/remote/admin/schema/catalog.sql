-- Every object of FlyOS Console in a database: kind, name, definition, one row each. Read with an empty search path, so
-- that definitions name everything in full. Left out is what differs between versions of PostgreSQL without a difference
-- in effect: names of not-null constraints, the text of views, MAINTAIN among the rights.
with tables as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner, c.relnamespace,
        n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'c', 'f') and (n.nspname in ('flyos', 'sync')
        or (n.nspname = 'public' and c.relname in ('regions', 'profiles', 'drones', 'user_drone_assignments',
            'activity', 'activity_id_seq')))
), functions as (
    select p.oid, p.proacl, p.proowner, n.nspname || '.' || p.proname || '('
        || pg_get_function_identity_arguments(p.oid) || ')' as name
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('flyos', 'sync', 'public')
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
            and d.deptype = 'e')
), rights (name, acl) as (
    select 'schema ' || n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n
    where n.nspname in ('flyos', 'sync')
    union all
    select t.name, coalesce(t.relacl, acldefault(case t.relkind when 'S' then 's'::"char" else 'r'::"char" end, t.relowner))
    from tables t where t.relkind <> 'c'
    union all
    select t.name || '.' || a.attname, a.attacl from tables t join pg_attribute a on a.attrelid = t.oid
    where a.attnum > 0 and not a.attisdropped and a.attacl is not null
    union all
    select f.name, coalesce(p.proacl, acldefault('f', p.proowner)) from functions f join pg_proc p on p.oid = f.oid
)
select 'schema' as kind, n.nspname::text as name, '' as definition from pg_namespace n
where n.nspname in ('flyos', 'sync')
union all
select 'table', t.name, concat_ws(', ',
    case t.relkind when 'r' then 'table' when 'v' then 'view' when 'S' then 'sequence' when 'c' then 'type' else
        t.relkind::text end,
    case when t.relrowsecurity then 'row-level security' end,
    case when t.relforcerowsecurity then 'for its owner too' end)
from tables t
union all
select 'column', t.name || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    case when a.attgenerated <> '' then 'generated' end,
    case when d.oid is not null then 'default ' || pg_get_expr(d.adbin, d.adrelid) end,
    case a.attidentity when 'a' then 'identity always' when 'd' then 'identity' end,
    case when a.attcollation <> y.typcollation then 'collate ' || a.attcollation::regcollation end)
from tables t
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid
left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
where t.relkind <> 'S'
union all
select 'constraint', t.name || '.' || k.conname, pg_get_constraintdef(k.oid)
from tables t join pg_constraint k on k.conrelid = t.oid where k.contype not in ('n', 't')
union all
select 'index', t.name || '.' || c.relname, pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else
    ' (invalid)' end
from tables t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
union all
select 'function', f.name, md5(concat_ws('|', p.prosrc, pg_get_function_sqlbody(p.oid), pg_get_function_result(p.oid),
    pg_get_function_arguments(p.oid), l.lanname, p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.proleakproof,
    p.proparallel, array_to_string(p.proconfig, ',')))
from functions f join pg_proc p on p.oid = f.oid join pg_language l on l.oid = p.prolang
union all
select 'trigger', x.name || '.' || t.tgname, pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' when 'D' then
    ' (switched off)' else ' (' || t.tgenabled::text || ')' end
from (select oid, name from tables union all select 'auth.users'::regclass, 'auth.users') x
join pg_trigger t on t.tgrelid = x.oid
where not t.tgisinternal and (x.name <> 'auth.users' or t.tgname like 'flyos\_%')
union all
select 'policy', x.name || '.' || p.polname, concat_ws(' ',
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
    case when not p.polpermissive then 'restrictive' end,
    'to', (select string_agg(case when r = 0 then 'public' else pg_get_userbyid(r)::text end, ', ' order by r)
        from unnest(p.polroles) r),
    'using ' || pg_get_expr(p.polqual, p.polrelid), 'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
from (select oid, name from tables union all select to_regclass('realtime.messages'), 'realtime.messages') x
join pg_policy p on p.polrelid = x.oid
where x.name <> 'realtime.messages' or p.polname like 'flyos\_%'
union all
select 'grant', r.name || ' to ' || g.grantee, string_agg(g.privilege, ', ' order by g.privilege)
from rights r, lateral (
    select case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee)::text end as grantee,
        lower(a.privilege_type) || case when a.is_grantable then ' with grant option' else '' end as privilege
    from aclexplode(r.acl) a) g
where g.grantee in ('public', 'anon', 'authenticated', 'service_role') and g.privilege not like 'maintain%'
group by r.name, g.grantee
union all
select 'publication', p.pubname || ' of ' || t.name, ''
from tables t join pg_publication_rel r on r.prrelid = t.oid join pg_publication p on p.oid = r.prpubid
