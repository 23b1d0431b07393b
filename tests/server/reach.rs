//! Requests that reach for more than one row, or round a corner: nothing more comes of them than the table allows.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::pg::{self, Front};
use crate::rows::Keep;

struct Asker<'a> {
    front: &'a Front,
    token: String,
}

impl Asker<'_> {
    /// Status, and how many rows, or the code of the refusal.
    async fn asks(
        &self,
        method: Method,
        path: &str,
        prefer: &str,
        body: &Json,
    ) -> (u16, Result<usize, String>) {
        let request = self.front.request(method, &format!("/rest/v1/{path}")).bearer_auth(&self.token);
        let request = request.header("Prefer", format!("return=representation{prefer}"));
        let answer =
            if body.is_null() { request } else { request.json(body) }.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Json = answer.json().await.expect("JSON");
        let code = || body["code"].as_str().unwrap_or_default().to_owned();
        (status, body.as_array().map(Vec::len).ok_or_else(code))
    }
}

fn refused() -> (u16, Result<usize, String>) {
    (403, Err("42501".to_owned()))
}

#[tokio::test]
async fn requests_that_reach_for_more() {
    let db = pg::database().await;
    db.seed(0).await;
    let front = db.front().await;
    let mut askers = Vec::new();
    for email in ["operator1@flyos.mil", "east@flyos.mil"] {
        askers.push(Asker { front: &front, token: front.sign_in(email).await.token });
    }
    let keep = Keep::of(&db).await;
    let [operator, east] = &askers[..] else { unreachable!("two of them") };
    let upsert = ",resolution=merge-duplicates";
    let me = "0194a3d2-0000-7000-8000-000000000004";

    // Without a filter: the own rows, and no other.
    let status = json!({"status": "OFFLINE"});
    assert_eq!(operator.asks(Method::PATCH, "drones", "", &status).await, (200, Ok(6)));
    assert_eq!(east.asks(Method::PATCH, "drones", "", &status).await, (200, Ok(14)));
    assert_eq!(operator.asks(Method::PATCH, "profiles", "", &json!({"full_name": "Me"})).await, (200, Ok(1)));
    assert_eq!(operator.asks(Method::PATCH, "regions", "", &json!({"area": "Mine"})).await, (200, Ok(0)));
    assert_eq!(operator.asks(Method::PATCH, "profiles", "", &json!({"role": "MAIN_HQ"})).await, refused());
    assert_eq!(east.asks(Method::PATCH, "drones", "", &json!({"region_id": null})).await, refused());
    assert_eq!(operator.asks(Method::DELETE, "user_drone_assignments", "", &Json::Null).await, (200, Ok(0)));
    assert_eq!(east.asks(Method::DELETE, "user_drone_assignments", "", &Json::Null).await, (200, Ok(16)));
    assert_eq!(east.asks(Method::DELETE, "drones", "", &Json::Null).await, (200, Ok(0)));
    keep.restore().await;

    // An upsert is an insert first.
    let promoted = json!({
        "id": me, "username": "operator1", "full_name": "O. One", "email": "operator1@flyos.mil", "role": "MAIN_HQ",
        "status": "ACTIVE",
    });
    assert_eq!(operator.asks(Method::POST, "profiles", upsert, &promoted).await, refused());
    let held = json!({"user_id": me, "drone_id": "drone-001"});
    assert_eq!(operator.asks(Method::POST, "user_drone_assignments", upsert, &held).await, refused());
    let ignore = ",resolution=ignore-duplicates";
    assert_eq!(operator.asks(Method::POST, "user_drone_assignments", ignore, &held).await, refused());

    // Whoever may make none hears no more than that: not which names are taken, nor who is where.
    let twin = |name: &str| {
        json!({"id": "0199aaaa-0000-7000-8000-000000000001", "username": name,
        "full_name": "Twin", "email": "twin@flyos.mil", "role": "OPERATOR", "status": "ACTIVE"})
    };
    for name in ["k_tanaka", "nobody_has_this"] {
        assert_eq!(operator.asks(Method::POST, "profiles", "", &twin(name)).await, refused(), "{name}");
        assert_eq!(east.asks(Method::POST, "profiles", "", &twin(name)).await, refused(), "{name}");
    }
    for user in ["0194a3d2-0000-7000-8000-00000000000d", "0199aaaa-0000-7000-8000-000000000001"] {
        for drone in ["drone-007", "drone-020", "drone-999"] {
            let row = json!({"user_id": user, "drone_id": drone});
            assert_eq!(east.asks(Method::POST, "user_drone_assignments", "", &row).await, refused(), "{row}");
        }
    }

    // Through a reference: the drone is theirs to see, its operator is not.
    let through =
        "drones?id=eq.drone-030&select=id,operator_id,operator:profiles!drones_operator_id_fkey(username)";
    let (_, rows) = front.get(&operator.token, through).await;
    assert_eq!((&rows[0]["id"], &rows[0]["operator"]), (&json!("drone-030"), &Json::Null), "{rows}");
    let known = "drones?select=id,operator:profiles!drones_operator_id_fkey!inner(username)&operator.username=eq.h_brandt";
    assert_eq!(front.get(&operator.token, known).await, (200, json!([])));
}
