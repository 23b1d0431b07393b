// Creates and retires sign-in accounts for headquarters, so that no key that opens everything has to be on
// anybody's laptop. Imports nothing: Deno.serve and fetch are all there is.
//
// POST {"action": "...", ...}; the actions and their fields are in FIELDS. Answers 200 {"ok": true, "action",
// "account", "noted"} or {"code", "message", "field"} under a fitting status. The shapes, the words and their order are held
// by tests/wire/admin_cases.json, and the training server answers the same to the letter.
//
// Who may: the caller's token is believed nothing. The sign-in server is asked whose it is (so an ended session and a
// ban count at once), then the database, with that token and under row-level security, whether this is an active
// MAIN_HQ (public.admin_caller). What profiles there are is asked with the caller's token too. The key that opens
// everything is used for the admin API and for the line in the activity alone, and only after all that.
//
// Nobody bans or deletes his own account, so whoever asks remains: an active MAIN_HQ can still sign in afterwards.
//
// Create. The account is made with app_metadata.flyos_profile_id, which only this API can write; a trigger on
// auth.users links it by that. Whether it did is looked at, and an account that was not linked is removed again.
//
// Invite. POST /invite makes an account itself, but cannot write app_metadata: it would come into the world as
// nobody's, and linking it afterwards would leave a gap in which it has no profile or a wrong one. So the account is
// made first, by POST /admin/users, linked and unconfirmed, with a password that nobody knows; then POST /invite,
// which for an unconfirmed account only sends the mail. Where the mail fails, the account waits, harmless, and the
// same request again sends the mail alone.
//
// Ban. First the ban, then the sessions: the other way round a refresh could slip in between.
//
// The activity. Each deed that was done leaves one line on the profile: who, which deed, why (`reason`, the same rules
// as an edit's), written by public.note_account_deed, which only the secret key may call. It comes after the deed: a
// line about something that was not done would be worse than an error about something that was. Where the database
// does not take it, the answer is the error `not_noted`, which says so.
//
// Asking again after a broken line is safe for every action. No password, token or key is logged or answered.

type Json = Record<string, unknown>;

const BODY_BYTES_MAX = 16 * 1024;
const PASSWORD_CHARS_MIN = 8;
// bcrypt looks at no more.
const PASSWORD_BYTES_MAX = 72;
// As of an edit.
const REASON_CHARS_MAX = 200;
// What a terminal would act on, and what nobody sees.
const HARMFUL =
  /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/u;
// The sign-in server gives up by itself after 10 s.
const UPSTREAM_MS = 10_000;
// Accounts of one page: their ids must fit an address.
const PAGE_ACCOUNTS = 100;
const PAGES_MAX = 10_000;
// A hundred years, in the only unit the sign-in server takes.
const BAN_DURATION = "876000h";

const FIELDS: Record<string, string[]> = {
  create: ["password", "profile", "reason"],
  invite: ["profile", "reason"],
  set_password: ["password", "profile", "reason"],
  ban: ["profile", "reason"],
  unban: ["profile", "reason"],
  set_email: ["email", "profile", "reason"],
  delete: ["account", "profile", "reason"],
  sign_out: ["profile", "reason"],
  list_unlinked: ["page"],
};

const STATUS: Record<string, number> = {
  invalid: 400,
  not_signed_in: 401,
  token_expired: 401,
  signed_out: 403,
  banned: 403,
  no_profile: 403,
  inactive: 403,
  aal2: 403,
  forbidden: 403,
  not_found: 404,
  method: 405,
  no_account: 409,
  already: 409,
  email_taken: 409,
  own: 409,
  last_main_hq: 409,
  inactive_profile: 409,
  linked: 409,
  too_large: 413,
  weak_password: 422,
  not_made: 500,
  not_noted: 500,
  misconfigured: 500,
  unavailable: 503,
};

// An action that is not done, or not wholly, with the words for the person: what happened, to what, what is safe, what to do.
class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly retryAfter: string | null = null,
  ) {
    super(message);
  }
}

// ---- The request ----

// A name that the caller made up, short and without anything odd.
function shown(name: string): string {
  return [...name].slice(0, 40).map((c) => /^[A-Za-z0-9_.-]$/.test(c) ? c : "?").join("");
}

function invalid(field: string | null, message: string): Refusal {
  return new Refusal("invalid", message, field);
}

async function readBody(request: Request): Promise<Uint8Array> {
  const tooLarge = () =>
    new Refusal("too_large", "The request is larger than 16 KiB. Nothing was changed. Send less.");
  const body = new Uint8Array(BODY_BYTES_MAX);
  let length = 0;
  // Counted as it comes: what a header says of the length is only said.
  for await (const piece of request.body ?? []) {
    if (length + piece.length > BODY_BYTES_MAX) throw tooLarge();
    body.set(piece, length);
    length += piece.length;
  }
  return body.subarray(0, length);
}

function parse(bytes: Uint8Array): Json {
  const refusal = () =>
    invalid(
      null,
      "The request is no JSON object. Nothing was changed. Send one object that names an action.",
    );
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw refusal();
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw refusal();
  // Halves of surrogate pairs are no text: nothing behind us takes them.
  const texts = [...Object.keys(body), ...Object.values(body)].filter((text) => typeof text === "string");
  if (!texts.every((text) => text.isWellFormed())) throw refusal();
  return body as Json;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function isUuid(value: unknown): value is string {
  return typeof value === "string" && UUID.test(value.toLowerCase());
}

function isEmail(text: string): boolean {
  const [local, host, ...rest] = text.split("@");
  return /^[\x21-\x7e]{5,254}$/.test(text) && rest.length === 0 && local !== "" &&
    host !== undefined && host.includes(".") && host.split(".").every((part) => part !== "");
}

interface Asked {
  action: string;
  profile: string;
  account: string | null;
  password: string;
  email: string;
  page: number;
  reason: string | null;
}

function read(body: Json): Asked {
  const action = Object.hasOwn(body, "action") ? body.action : undefined;
  if (typeof action !== "string") {
    throw invalid(
      "action",
      "The request names no action. Nothing was changed. Give the field action as a text.",
    );
  }
  if (!Object.hasOwn(FIELDS, action)) {
    const names = Object.keys(FIELDS).join(", ");
    throw invalid(
      "action",
      `There is no action ${shown(action)}. Nothing was changed. The actions are ${names}.`,
    );
  }
  const odd = Object.keys(body).sort().find((key) => key !== "action" && !FIELDS[action].includes(key));
  if (odd !== undefined) {
    const name = shown(odd);
    throw invalid(name, `The action ${action} has no field ${name}. Nothing was changed. Leave it out.`);
  }
  const asked: Asked = { action, profile: "", account: null, password: "", email: "", page: 1, reason: null };
  const value = (field: string): unknown => {
    if (Object.hasOwn(body, field)) return body[field];
    throw invalid(field, `The action ${action} needs the field ${field}. Nothing was changed. Give it too.`);
  };
  const uuid = (field: string): string => {
    const id = value(field);
    if (isUuid(id)) return id.toLowerCase();
    throw invalid(
      field,
      `The field ${field} holds no uuid. Nothing was changed. Give its 36 characters as a text.`,
    );
  };
  const text = (field: string): string => {
    const text = value(field);
    if (typeof text === "string") return text;
    throw invalid(field, `The field ${field} holds no text. Nothing was changed. Give it as a text.`);
  };
  if (action === "list_unlinked") {
    asked.page = Object.hasOwn(body, "page") ? page(body.page) : 1;
  } else if (action === "delete") {
    if (Object.hasOwn(body, "profile") === Object.hasOwn(body, "account")) {
      throw invalid(
        "profile",
        "The action delete needs either profile or account. Nothing was changed. Name one of them.",
      );
    }
    if (Object.hasOwn(body, "account")) asked.account = uuid("account");
    else asked.profile = uuid("profile");
  } else {
    asked.profile = uuid("profile");
  }
  if (FIELDS[action].includes("password")) asked.password = goodPassword(text("password"));
  if (FIELDS[action].includes("email")) asked.email = goodEmail(text("email"));
  if (Object.hasOwn(body, "reason") && body.reason !== null) asked.reason = goodReason(text("reason"));
  return asked;
}

function page(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= PAGES_MAX) return value;
  throw invalid(
    "page",
    `The field page holds no page's number. Nothing was changed. Give a whole number from 1 to ${PAGES_MAX}.`,
  );
}

function goodPassword(password: string): string {
  if (/\p{Cc}/u.test(password)) {
    throw invalid(
      "password",
      "The password holds a control character. Nothing was changed. Choose one without.",
    );
  }
  if ([...password].length < PASSWORD_CHARS_MIN) {
    throw new Refusal(
      "weak_password",
      "The password is too short. Nothing was changed. Choose one of 8 characters or more.",
      "password",
    );
  }
  if (new TextEncoder().encode(password).length > PASSWORD_BYTES_MAX) {
    throw invalid(
      "password",
      "The password is too long. Nothing was changed. Choose one of at most 72 bytes.",
    );
  }
  return password;
}

function goodEmail(email: string): string {
  if (isEmail(email)) return email.toLowerCase();
  throw invalid(
    "email",
    "The e-mail is no address like name@unit.mil. Nothing was changed. Check it for a slip.",
  );
}

function goodReason(reason: string): string {
  if ([...reason].length > REASON_CHARS_MAX) {
    throw invalid(
      "reason",
      `The reason is too long. Nothing was changed. Give at most ${REASON_CHARS_MAX} characters.`,
    );
  }
  if (HARMFUL.test(reason)) {
    throw invalid(
      "reason",
      "The reason holds a control or invisible character. Nothing was changed. Leave it out.",
    );
  }
  return reason;
}

// ---- The project ----

function misconfigured(what: string): Refusal {
  return new Refusal(
    "misconfigured",
    `The function admin-users is not set up: ${what}. Nothing was changed. The project's owner must look at it.`,
  );
}

// The new keys come as JSON objects, by name; the old ones may be there and switched off, so they come second.
function keyFrom(many: string, one: string): string {
  const list = Deno.env.get(many);
  if (list) {
    try {
      const keys = JSON.parse(list) as Json;
      const key = keys.default ?? Object.values(keys)[0];
      if (typeof key === "string" && key !== "") return key;
    } catch {
      // Then the old one, or the refusal.
    }
  }
  const key = Deno.env.get(one);
  if (key) return key;
  throw misconfigured(`neither ${many} nor ${one} holds a key`);
}

interface Project {
  url: string;
  // As the project itself, with every right.
  service: Record<string, string>;
  // As the person who asks.
  person: Record<string, string>;
}

function project(token: string): Project {
  const url = Deno.env.get("SUPABASE_URL")?.replace(/\/+$/, "");
  if (!url) throw misconfigured("SUPABASE_URL is not set");
  const secret = keyFrom("SUPABASE_SECRET_KEYS", "SUPABASE_SERVICE_ROLE_KEY");
  // Never the secret key beside the person's token: if the token were lost on the way, the key would count.
  const publishable = keyFrom("SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_ANON_KEY");
  const service: Record<string, string> = { apikey: secret };
  // A key of the new kind is no token; one of the old kind is.
  if (!secret.startsWith("sb_")) service.authorization = `Bearer ${secret}`;
  return { url, service, person: { apikey: publishable, authorization: `Bearer ${token}` } };
}

interface Answer {
  status: number;
  body: unknown;
  // The error's code in words, "" where there is none.
  code: string;
  message: string;
}

interface Call {
  as: "service" | "person";
  method: string;
  path: string;
  body?: Json;
  // What is so where this call fails: said to the person.
  safe: string;
}

const NOTHING = "Nothing was changed. Try again in a little while.";

async function ask(to: Project, call: Call): Promise<Answer> {
  const unavailable = (why: string, retryAfter: string | null = null) =>
    new Refusal("unavailable", `Supabase did not do its part: ${why}. ${call.safe}`, null, retryAfter);
  let response: Response;
  let text: string;
  try {
    response = await fetch(to.url + call.path, {
      method: call.method,
      headers: {
        ...to[call.as],
        "accept": "application/json",
        "content-type": "application/json",
        "x-supabase-api-version": "2024-01-01",
      },
      body: call.body && JSON.stringify(call.body),
      redirect: "manual",
      signal: AbortSignal.timeout(UPSTREAM_MS),
    });
    text = await response.text();
  } catch (error) {
    const slow = error instanceof Error && error.name === "TimeoutError";
    throw unavailable(slow ? "it did not answer in time" : "it cannot be reached");
  }
  const status = response.status;
  if (status === 429) throw unavailable("it asks for patience", response.headers.get("retry-after"));
  if (status >= 500 || status >= 300 && status < 400) throw unavailable(`it answered with status ${status}`);
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // A refused key may come with an empty body.
    if (status !== 401 && status !== 403) throw unavailable("it answered with something other than JSON");
  }
  const said = typeof body === "object" && body !== null ? body as Json : {};
  const word = (name: string) => typeof said[name] === "string" ? said[name] as string : "";
  const code = word("error_code") || word("code") || (response.headers.get("x-sb-error-code") ?? "");
  const answer = { status, body, code, message: word("msg") || word("message") };
  if (call.as === "service" && (status === 401 || status === 403)) {
    throw misconfigured("the sign-in server does not accept its secret key");
  }
  // The gateway's errors have no code: then it is the key, not the person.
  if (status === 401 && code === "") throw misconfigured("the project does not accept its publishable key");
  return answer;
}

function odd(safe: string): Refusal {
  return new Refusal("unavailable", `Supabase did not do its part: its answer was not understood. ${safe}`);
}

// ---- Who asks ----

const bad = () =>
  new Refusal(
    "not_signed_in",
    "This session's pass is not accepted. Nothing was changed. Sign in again.",
  );
const expired = () =>
  new Refusal(
    "token_expired",
    "This session's pass has run out. Nothing was changed. Renew the session, then try again.",
  );
const signedOut = () =>
  new Refusal("signed_out", "This session has ended. Nothing was changed. Sign in again.");
const banned = () => new Refusal("banned", "Your account is banned. Nothing was changed. Ask headquarters.");

function token(request: Request): string {
  const [, found] = /^bearer +(\S+)$/i.exec(request.headers.get("authorization")?.trim() ?? "") ?? [];
  if (found) return found;
  throw new Refusal(
    "not_signed_in",
    "Nobody is signed in. Nothing was changed. Sign in, then try again.",
  );
}

function must(word: unknown): Refusal {
  switch (word) {
    case "inactive":
      return new Refusal(
        "inactive",
        "Your profile is INACTIVE. Nothing was changed. Ask headquarters to make it ACTIVE.",
      );
    case "no_profile":
      return new Refusal(
        "no_profile",
        "Your account has no profile. Nothing was changed. Ask headquarters for one.",
      );
    case "aal2":
      return new Refusal(
        "aal2",
        "This needs your second factor. Nothing was changed. Sign in again with the code of your app.",
      );
    case "signed_out":
      return signedOut();
    default:
      return new Refusal(
        "forbidden",
        "The database does not say that you may do this. Nothing was changed. Update the console.",
      );
  }
}

interface Caller {
  user: string;
  last: boolean;
}

async function caller(to: Project): Promise<Caller> {
  const user = await ask(to, { as: "person", method: "GET", path: "/auth/v1/user", safe: NOTHING });
  if (user.status !== 200) {
    if (user.code === "bad_jwt" && user.message.includes("expired")) throw expired();
    if (user.code === "session_not_found" || user.code === "user_not_found") throw signedOut();
    throw user.code === "user_banned" ? banned() : bad();
  }
  // Older servers let a banned person read this.
  if (isBanned((user.body as Json | null)?.banned_until)) throw banned();
  const call: Call = {
    as: "person",
    method: "POST",
    path: "/rest/v1/rpc/admin_caller",
    body: {},
    safe: NOTHING,
  };
  const { status, body, code, message } = await ask(to, call);
  if (code === "PGRST303" || code === "PGRST301") throw message.includes("expired") ? expired() : bad();
  if (status === 404) throw misconfigured("the database has no admin_caller: apply the migrations");
  const said = body as Json | null;
  if (status !== 200 || typeof said !== "object" || said === null) throw odd(NOTHING);
  if (said.must !== null) throw must(said.must);
  if (said.role !== "MAIN_HQ" || said.status !== "ACTIVE" || !isUuid(said.user)) {
    const role = said.role === "REGIONAL_HQ" || said.role === "OPERATOR" ? said.role : "another";
    throw new Refusal(
      "forbidden",
      `To manage sign-in accounts needs the role MAIN_HQ, and yours is ${role}. Nothing was changed. ` +
        "Ask headquarters.",
    );
  }
  return { user: said.user.toLowerCase(), last: said.last_main_hq === true };
}

// ---- What it is about ----

interface Profile {
  id: string;
  username: string;
  email: string;
  active: boolean;
  account: string | null;
}

interface Account {
  id: string;
  email: string | null;
  email_confirmed_at?: string | null;
  banned_until?: string | null;
  last_sign_in_at?: string | null;
  created_at?: string | null;
  app_metadata?: Json | null;
}

function isBanned(until: unknown): boolean {
  return typeof until === "string" && Date.parse(until) > Date.now();
}

function asAccount(body: unknown, safe: string): Account {
  if (typeof body === "object" && body !== null && isUuid((body as Json).id)) {
    return body as unknown as Account;
  }
  throw odd(safe);
}

function show(account: Account, profile: string | null): Json {
  return {
    id: account.id,
    email: account.email ?? null,
    profile,
    confirmed: Boolean(account.email_confirmed_at),
    banned_until: isBanned(account.banned_until) ? account.banned_until : null,
    last_sign_in_at: account.last_sign_in_at ?? null,
    created_at: account.created_at ?? null,
  };
}

// The profiles of a query, as the caller may see them.
async function profiles(to: Project, query: string, safe: string): Promise<Profile[]> {
  const { status, body, code, message } = await ask(to, {
    as: "person",
    method: "GET",
    path: `/rest/v1/profiles?select=*&${query}`,
    safe,
  });
  if (code === "PGRST303" || code === "PGRST301") throw message.includes("expired") ? expired() : bad();
  if (status !== 200 || !Array.isArray(body)) throw odd(safe);
  return body.map((row: Json) => ({
    id: String(row.id),
    username: String(row.username),
    email: String(row.email),
    active: row.status === "ACTIVE",
    account: isUuid(row.auth_user_id) ? row.auth_user_id : null,
  }));
}

async function profile(to: Project, id: string, safe = NOTHING): Promise<Profile> {
  const [found] = await profiles(to, `id=eq.${id}`, safe);
  if (found) return found;
  throw new Refusal(
    "not_found",
    `There is no profile ${id}. Nothing was changed. Wait until it is confirmed, or look whether it was deleted.`,
    "profile",
  );
}

const USERS = "/auth/v1/admin/users";

async function account(to: Project, id: string): Promise<Account | null> {
  const call: Call = { as: "service", method: "GET", path: `${USERS}/${id}`, safe: NOTHING };
  const { status, body } = await ask(to, call);
  return status === 404 ? null : asAccount(body, NOTHING);
}

// The profile and its account.
async function target(to: Project, id: string): Promise<[Profile, Account]> {
  const found = await profile(to, id);
  const its = found.account === null ? null : await account(to, found.account);
  if (its) return [found, its];
  const name = found.username;
  throw new Refusal(
    "no_account",
    `${name} has no sign-in account. Nothing was changed. Create one, or invite ${name}.`,
    "profile",
  );
}

function already(name: string): Refusal {
  return new Refusal(
    "already",
    `${name} has a sign-in account already. Nothing was changed. Set its password, or delete it first.`,
    "profile",
  );
}

function inactive(name: string): Refusal {
  return new Refusal(
    "inactive_profile",
    `${name} is INACTIVE and may do nothing. Nothing was changed. Make the profile ACTIVE first, which lifts the ` +
      "ban that came with it.",
    "profile",
  );
}

function taken(email: string): Refusal {
  return new Refusal(
    "email_taken",
    `${email} belongs to another sign-in account or profile. Nothing was changed. Use another address, or look ` +
      "among the accounts without a profile.",
    "email",
  );
}

function notOwn(by: Caller, about: Profile): void {
  if (about.id !== by.user) return;
  throw by.last
    ? new Refusal(
      "last_main_hq",
      `${about.username} is the last active MAIN_HQ, and nobody could sign in as one any more. Nothing was ` +
        "changed. Make another MAIN_HQ first.",
      "profile",
    )
    : new Refusal(
      "own",
      "This is your own account. Nothing was changed. Ask another MAIN_HQ to ban or delete it.",
      "profile",
    );
}

// ---- The actions ----

interface Done {
  reply: Json;
  // The profile that the activity tells of; null for what is no deed.
  about: string | null;
}

function done(action: string, account: Account, profile: string | null): Done {
  const about = profile ?? madeFor(account) ?? account.id;
  // It is answered once its line is in the activity; a function from before there were such lines says nothing of it.
  return { reply: { ok: true, action, account: show(account, profile), noted: true }, about };
}

// The profile that an account was made for, as far as it tells.
function madeFor(its: Account): string | null {
  const claim = its.app_metadata?.flyos_profile_id;
  return isUuid(claim) ? claim.toLowerCase() : null;
}

// Changes an account; `safe` says what is so where it fails.
async function update(to: Project, its: Account, change: Json, safe: string): Promise<Account> {
  const answer = await ask(to, {
    as: "service",
    method: "PUT",
    path: `${USERS}/${its.id}`,
    body: change,
    safe,
  });
  if (answer.code === "weak_password") {
    throw new Refusal(
      "weak_password",
      "The project refuses this password as too weak or known from leaks. Nothing was changed. Choose a longer " +
        "one of letters, digits and signs.",
      "password",
    );
  }
  return asAccount(answer.body, NOTHING);
}

// A new account, linked, or none.
async function make(to: Project, about: Profile, password: string | null): Promise<Account> {
  if (about.account !== null) throw already(about.username);
  if (!about.active) throw inactive(about.username);
  const safe =
    `The account of ${about.username} may have been made all the same. Try again in a little while: ` +
    "you will be told if it is there already.";
  const answer = await ask(to, {
    as: "service",
    method: "POST",
    path: USERS,
    body: {
      email: about.email,
      app_metadata: { flyos_profile_id: about.id },
      ...(password === null ? {} : { password, email_confirm: true }),
    },
    safe,
  });
  if (answer.code === "email_exists") throw taken(about.email);
  if (answer.status >= 400) throw odd(NOTHING);
  const made = asAccount(answer.body, safe);
  const [now] = await profiles(to, `id=eq.${about.id}`, safe);
  if (now?.account === made.id) return made;
  // It is seconds old and nobody's: it must not stay.
  await remove(to, made, `The account ${made.id} was made for nobody and is still there: delete it.`);
  throw new Refusal(
    "not_made",
    `The database did not link the new account to ${about.username}, so it was removed again. Apply the ` +
      "migrations, then try again.",
  );
}

async function remove(to: Project, its: Account, safe: string): Promise<void> {
  const body = { should_soft_delete: false };
  const answer = await ask(to, { as: "service", method: "DELETE", path: `${USERS}/${its.id}`, body, safe });
  // Somebody else was faster: gone is gone.
  if (answer.status >= 400 && answer.status !== 404) throw odd(safe);
}

async function invite(to: Project, id: string): Promise<Done> {
  const about = await profile(to, id);
  let its = about.account === null ? null : await account(to, about.account);
  // One that waits for its owner is only mailed to again.
  if (!its || its.email_confirmed_at || !about.active) its = await make(to, about, null);
  const answer = await ask(to, {
    as: "service",
    method: "POST",
    path: "/auth/v1/invite",
    body: { email: its.email },
    safe:
      `The account of ${about.username} is there, but no mail may have been sent. Invite ${about.username} ` +
      "again in a little while.",
  });
  if (answer.code === "email_exists") throw already(about.username);
  if (answer.status >= 400) throw odd(`The account of ${about.username} is there, but no mail was sent.`);
  return done("invite", asAccount(answer.body, NOTHING), about.id);
}

// Ends every session of an account, by the caller's right.
async function signOut(to: Project, its: Account, safe: string): Promise<void> {
  const path = "/rest/v1/rpc/admin_sign_out";
  const { status, body } = await ask(to, {
    as: "person",
    method: "POST",
    path,
    body: { account: its.id },
    safe,
  });
  if (status !== 200 || typeof (body as Json | null)?.ended !== "number") throw odd(safe);
}

async function setEmail(to: Project, asked: Asked): Promise<Done> {
  const [about, its] = await target(to, asked.profile);
  const { email } = asked;
  const doubles = await profiles(to, `email=eq.${encodeURIComponent(email)}`, NOTHING);
  if (doubles.some((other) => other.id !== about.id)) throw taken(email);
  // The admin API does not look for doubles itself: it would answer with a bare fault.
  const path = `${USERS}?page=1&per_page=50&filter=${encodeURIComponent(email)}`;
  const list = await ask(to, { as: "service", method: "GET", path, safe: NOTHING });
  const users = (list.body as Json | null)?.users;
  if (!Array.isArray(users)) throw odd(NOTHING);
  if (users.some((other: Account) => other.email === email && other.id !== its.id)) throw taken(email);
  const safe =
    `The address of ${about.username} may have been changed all the same. Look at it, then try again: ` +
    "that does no harm.";
  return done("set_email", await update(to, its, { email, email_confirm: true }, safe), about.id);
}

async function setPassword(to: Project, asked: Asked): Promise<Done> {
  const [about, its] = await target(to, asked.profile);
  const safe =
    `The password of ${about.username} may have been changed all the same. Set it again: that does no ` +
    "harm.";
  // Headquarters hands the password over in person: an address that is not confirmed yet must not be in the way.
  const confirm = its.email_confirmed_at ? {} : { email_confirm: true };
  return done(
    "set_password",
    await update(to, its, { password: asked.password, ...confirm }, safe),
    about.id,
  );
}

async function ban(to: Project, by: Caller, asked: Asked): Promise<Done> {
  const [about, its] = await target(to, asked.profile);
  notOwn(by, about);
  const again = `Ban ${about.username} again: that does no harm.`;
  const now = await update(to, its, { ban_duration: BAN_DURATION }, `The ban may have been set. ${again}`);
  await signOut(to, its, `The ban is set, but sessions may go on for a while. ${again}`);
  return done("ban", now, about.id);
}

async function unban(to: Project, asked: Asked): Promise<Done> {
  const [about, its] = await target(to, asked.profile);
  if (!about.active) throw inactive(about.username);
  const safe = `The ban may have been lifted. Unban ${about.username} again: that does no harm.`;
  return done("unban", await update(to, its, { ban_duration: "none" }, safe), about.id);
}

async function deletes(to: Project, by: Caller, asked: Asked): Promise<Done> {
  const safe =
    "The account may have been deleted all the same. Look at the profile, then try again: that does no " +
    "harm.";
  if (asked.account === null) {
    const [about, its] = await target(to, asked.profile);
    notOwn(by, about);
    await remove(to, its, safe);
    return done("delete", its, about.id);
  }
  const its = await account(to, asked.account);
  if (!its) {
    throw new Refusal(
      "not_found",
      `There is no sign-in account ${asked.account}. Nothing was changed. List the accounts again.`,
      "account",
    );
  }
  const owner = (await linked(to, [its.id]))[its.id];
  if (owner !== undefined) {
    throw new Refusal(
      "linked",
      `This account belongs to the profile ${owner}. Nothing was changed. Name the profile.`,
      "account",
    );
  }
  await remove(to, its, safe);
  return done("delete", its, null);
}

// Which of these accounts have a profile: account to profile.
async function linked(to: Project, accounts: string[]): Promise<Record<string, unknown>> {
  if (accounts.length === 0) return {};
  const path = "/rest/v1/rpc/admin_linked";
  const { status, body } = await ask(to, {
    as: "person",
    method: "POST",
    path,
    body: { accounts },
    safe: NOTHING,
  });
  const map = (body as Json | null)?.linked;
  if (status !== 200 || typeof map !== "object" || map === null) throw odd(NOTHING);
  return map as Record<string, unknown>;
}

async function listUnlinked(to: Project, page: number): Promise<Done> {
  // Both are always said: without them newer servers page by a cursor.
  const path = `${USERS}?page=${page}&per_page=${PAGE_ACCOUNTS}`;
  const { body } = await ask(to, { as: "service", method: "GET", path, safe: NOTHING });
  const users = (body as Json | null)?.users;
  if (!Array.isArray(users)) throw odd(NOTHING);
  const all = users.map((user) => asAccount(user, NOTHING));
  const links = await linked(to, all.map((its) => its.id));
  const alone = all.filter((its) => !Object.hasOwn(links, its.id));
  const claims = [...new Set(alone.map(madeFor).filter((id) => id !== null))];
  const there = claims.length === 0 ? [] : await profiles(to, `id=in.(${claims.join(",")})`, NOTHING);
  const ids = new Set(there.map((its) => its.id));
  const why = (claim: string | null) => {
    if (claim === null) return "no_profile";
    return ids.has(claim) ? "not_linked" : "profile_deleted";
  };
  const accounts = alone.map((its) => ({
    ...show(its, null),
    made_for: madeFor(its),
    why: why(madeFor(its)),
  }));
  const next = all.length === PAGE_ACCOUNTS ? page + 1 : null;
  return { reply: { ok: true, action: "list_unlinked", accounts, next }, about: null };
}

async function carryOut(to: Project, by: Caller, asked: Asked): Promise<Done> {
  switch (asked.action) {
    case "create": {
      const about = await profile(to, asked.profile);
      return done("create", await make(to, about, asked.password), about.id);
    }
    case "invite":
      return await invite(to, asked.profile);
    case "set_password":
      return await setPassword(to, asked);
    case "ban":
      return await ban(to, by, asked);
    case "unban":
      return await unban(to, asked);
    case "set_email":
      return await setEmail(to, asked);
    case "delete":
      return await deletes(to, by, asked);
    case "sign_out": {
      const [about, its] = await target(to, asked.profile);
      await signOut(to, its, `Sessions of ${about.username} may go on. Sign out again: that does no harm.`);
      return done("sign_out", its, about.id);
    }
    default:
      return await listUnlinked(to, asked.page);
  }
}

// Tells the activity what was done; twice, if need be: the same `op` leaves one line.
async function noteDeed(to: Project, by: Caller, asked: Asked, profile: string): Promise<void> {
  const { action: deed, reason } = asked;
  const notNoted = (why: string) =>
    new Refusal(
      "not_noted",
      `The action ${deed} was done, but the activity does not tell of it: the database ${why} Asking again is safe.`,
    );
  const body = { op: crypto.randomUUID(), actor: by.user, profile, deed, reason };
  for (let turn = 0; turn < 2; turn++) {
    const path = "/rest/v1/rpc/note_account_deed";
    const answer = await ask(to, { as: "service", method: "POST", path, body, safe: "" }).catch(() => null);
    if (answer?.status === 200) return;
    if (answer?.status === 404) throw notNoted("has no note_account_deed. Run flyos supabase migrate.");
  }
  throw notNoted("did not take the line.");
}

// ---- The door ----

function answer(status: number, body: Json, more: Record<string, string> = {}): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...more };
  return new Response(JSON.stringify(body), { status, headers });
}

// One line for who reads the project's log: who did what to whom, and what came of it. No secret is among it.
function note(asked: Asked | null, by: Caller | null, came: string): void {
  const about = asked?.account ?? asked?.profile ?? null;
  console.log(JSON.stringify({ action: asked?.action ?? null, by: by?.user ?? null, about, came }));
}

Deno.serve(async (request: Request): Promise<Response> => {
  let asked: Asked | null = null;
  let by: Caller | null = null;
  try {
    if (request.method !== "POST") {
      throw new Refusal(
        "method",
        "Only POST is answered here. Nothing was changed. Send the request by POST.",
      );
    }
    asked = read(parse(await readBody(request)));
    const to = project(token(request));
    by = await caller(to);
    const { reply, about } = await carryOut(to, by, asked);
    if (about !== null) await noteDeed(to, by, asked, about);
    note(asked, by, "ok");
    return answer(200, reply);
  } catch (error) {
    if (error instanceof Refusal) {
      note(asked, by, error.code);
      const { code, message, field, retryAfter } = error;
      const more: Record<string, string> = code === "method" ? { allow: "POST" } : {};
      if (retryAfter !== null) more["retry-after"] = retryAfter;
      return answer(STATUS[code] ?? 500, { code, message, field }, more);
    }
    // A fault of our own; its words may hold anything, so only its kind is told.
    note(asked, by, error instanceof Error ? error.name : "fault");
    const message =
      "The function admin-users failed. It may have been done all the same: look, then try again.";
    return answer(500, { code: "fault", message, field: null });
  }
});
