-- A push asks once which rows its sender sees.
--
-- * As a condition on the drones the question was asked again for each of them wherever the table was read whole, which is
--   how small tables are read, and tables that a session knew small: 50 operators of 1,500 drones took 2.5 s, and take 0.12 s.
-- * The rows are looked up by their keys whatever the figures about the table say: at first there are none, or old ones.

set local client_min_messages = warning;

create or replace function sync.in_sight(p_tbl text, p_pks text[]) returns text[]
language plpgsql stable security definer set search_path = '' set jit = off
    set enable_seqscan = off as $$
declare
    mine text[];
begin
    if array_remove(p_pks, null) = '{}' then
        return '{}';
    end if;
    mine := sync.my_scopes();
    return array(select s.pk::text from sync.row_state s
        where s.tbl = p_tbl and s.pk = any (p_pks) and not s.deleted and (mine = array['*'] or s.scopes && mine));
end
$$;

-- Locks what the edits are about, what they point at, and the regions of drones that get members, in the one order:
-- regions, profiles, drones, each by key. What is edited and what is only held still are locked in one go, or two
-- callers could each edit what the other holds. False where somebody who locks in another order (a transaction of
-- several statements) was met head on: then nothing is locked.
create or replace function sync.lock_rows(p_ops jsonb) returns boolean
language plpgsql security definer set search_path = '' set jit = off as $$
declare
    own jsonb;
    members text[];
    drones text[];
    pks text[];
    refs text[];
    it record;
begin
    select jsonb_object_agg(t, keys) into own from (
        select o ->> 't' as t, jsonb_agg(distinct o ->> 'pk') as keys from jsonb_array_elements(p_ops) o group by 1) k;
    members := sync.texts(coalesce(own -> 'user_drone_assignments', '[]'));
    drones := sync.in_sight('drones', array(select substr(k, 38) from unnest(members) k));
    pks := sync.in_sight('regions', sync.texts(coalesce(own -> 'regions', '[]')));
    refs := sync.in_sight('regions', array(
        select o -> 'set' ->> 'region_id' from jsonb_array_elements(p_ops) o
        union
        select d.region_id::text from public.drones d
        where d.id = any (drones)));
    for it in select k::uuid as id, k = any (pks) as edited from unnest(pks || refs) k group by k order by 1 loop
        if it.edited then
            perform from public.regions r where r.id = it.id for no key update;
        else
            perform from public.regions r where r.id = it.id for share;
        end if;
    end loop;
    pks := sync.in_sight('profiles', sync.texts(coalesce(own -> 'profiles', '[]')));
    -- With them the caller, so that nobody's role ends between the question and the answer.
    refs := sync.in_sight('profiles', array(
        select o -> 'set' ->> 'operator_id' from jsonb_array_elements(p_ops) o
        union
        select lower(left(k, 36)) from unnest(members) k
        union
        select flyos.my_id()::text));
    for it in select k::uuid as id, k = any (pks) as edited from unnest(pks || refs) k group by k order by 1 loop
        if it.edited then
            perform from public.profiles p where p.id = it.id for no key update;
        else
            perform from public.profiles p where p.id = it.id for share;
        end if;
    end loop;
    pks := sync.in_sight('drones', array(select k from unnest(sync.texts(coalesce(own -> 'drones', '[]'))) k
        union select substr(k, 38) from unnest(members) k));
    if pks <> '{}' then
        perform from public.drones d where d.id = any (pks) order by d.id collate "C" for no key update;
    end if;
    return true;
exception when deadlock_detected or lock_not_available then
    return false;
end
$$;
