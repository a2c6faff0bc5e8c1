"""Twenty secrets that an environment may hold, and the forms in which each could be printed."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

# Each variable's name, its value, and the secret part of the value.
PLANTED = (
    ("REDIS", "redis://:redis/pass word-01@cache:6379/0", "redis/pass word-01"),
    ("REDIS_PASSWORD", "planted-redis-02+x", "planted-redis-02+x"),
    ("EMAIL_SMTP_PASSWORD", "planted&smtp=03", "planted&smtp=03"),
    ("EMAIL_MAILGUN_API_KEY", "key-planted-04", "key-planted-04"),
    ("EMAIL_SES_CREDENTIALS__SECRET_ACCESS_KEY", "planted/ses/05==", "planted/ses/05=="),
    ("STORAGE_S3_KEY", "PLANTEDACCESSKEY06", "PLANTEDACCESSKEY06"),
    ("STORAGE_S3_SECRET", "planted/s3+07%", "planted/s3+07%"),
    ("STORAGE_AZURE_ACCOUNT_KEY", "planted-azure-08==", "planted-azure-08=="),
    ("STORAGE_CLOUDINARY_API_SECRET", "string:planted-cloud-09", "planted-cloud-09"),
    ("STORAGE_SUPABASE_SERVICE_ROLE", "planted.role.10", "planted.role.10"),
    ("AUTH_GOOGLE_CLIENT_SECRET", "GOCSPX-planted-11", "GOCSPX-planted-11"),
    ("AUTH_LDAP_BIND_PASSWORD", "planted ldap 12", "planted ldap 12"),
    ("AUTH_OKTA_SP_PRIVATE_KEY", "--BEGIN--\nplanted-line-of-a-key-13\n--END--", "planted-line-of-a-key-13"),
    ("OPENAI_API_KEY", "sk-planted-14", "sk-planted-14"),
    ("SENTRY_DSN", "https://planted0dsn0fifteen0abcdef@sentry.example/1", "planted0dsn0fifteen0abcdef"),
    ("WEBHOOK", "https://hook:planted%2Fhook%2F16@hooks.example/a", "planted%2Fhook%2F16"),
    ("PROXY", "http://user:planted@17@proxy.example:3128", "planted@17"),
    ("QUEUE_URL", "amqps://queue:planted-queue-18@mq.example/%2f", "planted-queue-18"),
    ("MAPBOX_TOKEN", "pk.planted-19", "pk.planted-19"),
    ("service_account_password", "planted-account-20", "planted-account-20"),
)  # fmt: skip

# These do not change how Directus works. With REDIS set it would try to connect.
HARMLESS = {name: value for name, value, _ in PLANTED if not name.startswith(("REDIS", "PROXY"))}


def forms(secret: str) -> set[str]:
    """Return a secret as it is and percent-encoded in each way."""
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}


def leaked(text: str, names: set[str]) -> set[str]:
    """Return the names of the variables whose secret appears in a text."""
    return {name for name, _, secret in PLANTED if name in names and any(form in text for form in forms(secret))}
