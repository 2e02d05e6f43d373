//! What `openapi.json` has to say, made from the code that serves it.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::commands::Moment;
use super::problem::Document;
use super::{browsers, groups, open, whip};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Alcove",
        description = "The room appliance: meetings, the room that takes part in them, and how the box is. \
            Every refusal is a problem document (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(whip::publish, whip::play, whip::trickle, whip::stop, whip::trickle_player, whip::stop_player),
    components(schemas(Document, Moment)),
    modifiers(&Bearer),
    security(("bearer" = []), ("browser" = [])),
    tags(
        (name = "meetings", description = "Virtual places with unique names"),
        (name = "calls", description = "Who can be rung, who is, and who was"),
        (name = "room", description = "The room as those see it who control it from inside"),
        (name = "commands", description = "What the room shall do"),
        (name = "appliance", description = "How the box is"),
        (name = "configuration", description = "How the box works, and who has said so"),
        (name = "access", description = "Who may do what, and who has done it"),
        (name = "monitoring", description = "For programs that watch"),
        (name = "media", description = "Media from and to programs: WHIP (RFC 9725) and WHEP"),
    )
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let text = "The admin token; for media and the WebSocket also a join token; for the room also a controller's";
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let text = "A browser that is signed in; what changes something needs X-Alcove-CSRF beside it";
        let browser = ApiKey::Cookie(ApiKeyValue::with_description(browsers::COOKIE, text));
        components.add_security_scheme("browser", SecurityScheme::ApiKey(browser));
    }
}

/// The whole description: the paths with routers of their own, and those of WHIP and WHEP.
pub(crate) fn description() -> String {
    let head = Description::openapi();
    let open = OpenApiRouter::with_openapi(head).merge(open());
    let mut described = groups().into_iter().fold(open, |described, (_, group)| described.merge(group));
    let json = described.to_openapi().to_pretty_json().expect("a description is JSON");
    format!("{json}\n")
}
