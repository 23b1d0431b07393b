-- What the simulator asks of its database beside the three calls: versions and moments, of the very snapshot that a
-- pull was answered from.
create schema sim;
grant usage on schema sim to authenticated;
-- Another one after every write that a pull could tell of.
create function sim.moment() returns bigint language sql stable security definer set search_path = '' as $$
    select hashtextextended(coalesce(string_agg(concat_ws(' ', s.tbl, s.pk, s.ver, s.xid, s.deleted), ','
        order by s.tbl, s.pk), ''), (select m.min_xid::text::bigint from sync.meta m)) from sync.row_state s
$$;
create function sim.versions() returns table (tbl text, pk text, ver bigint)
language sql stable security definer set search_path = '' as $$
    select s.tbl::text, s.pk::text, s.ver from sync.row_state s
$$;
-- What row-level security shows the caller, by table and key, with the version in the books.
create function sim.shown() returns text language sql stable security invoker set search_path = '' as $$
    select coalesce(jsonb_object_agg(k.tbl || ' ' || k.pk, v.ver), '{}')::text from (
        select 'regions' as tbl, id::text as pk from public.regions
        union all select 'profiles', id::text from public.profiles
        union all select 'drones', id from public.drones
        union all select 'user_drone_assignments', user_id || ':' || drone_id from public.user_drone_assignments
    ) k left join sim.versions() v using (tbl, pk)
$$;
grant execute on function sim.moment(), sim.versions(), sim.shown() to authenticated;
