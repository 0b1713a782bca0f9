#include "CConsolePages.h"

// clang has #embed in all its languages, and says so each time.
#pragma clang diagnostic ignored "-Wc23-extensions"

// What is not listed here is not served.

static const unsigned char index_html[] = {
#embed "pages/index.html"
};
static const unsigned char console_css[] = {
#embed "pages/console.css"
};
static const unsigned char icon_svg[] = {
#embed "pages/icon.svg"
};
static const unsigned char app_js[] = {
#embed "pages/app.js"
};
static const unsigned char dom_js[] = {
#embed "pages/dom.js"
};
static const unsigned char api_js[] = {
#embed "pages/api.js"
};
static const unsigned char feed_js[] = {
#embed "pages/feed.js"
};
static const unsigned char format_js[] = {
#embed "pages/format.js"
};
static const unsigned char parts_js[] = {
#embed "pages/parts.js"
};
static const unsigned char billing_js[] = {
#embed "pages/billing.js"
};
static const unsigned char chart_js[] = {
#embed "pages/chart.js"
};
static const unsigned char dialog_js[] = {
#embed "pages/dialog.js"
};
static const unsigned char fleet_js[] = {
#embed "pages/fleet.js"
};
static const unsigned char instance_js[] = {
#embed "pages/instance.js"
};
static const unsigned char jobs_js[] = {
#embed "pages/jobs.js"
};
static const unsigned char create_js[] = {
#embed "pages/create.js"
};
static const unsigned char prices_js[] = {
#embed "pages/prices.js"
};
static const unsigned char spend_js[] = {
#embed "pages/spend.js"
};
static const unsigned char health_js[] = {
#embed "pages/health.js"
};
static const unsigned char timeline_js[] = {
#embed "pages/timeline.js"
};
static const unsigned char signin_js[] = {
#embed "pages/signin.js"
};

#define PAGE(name, bytes) {name, bytes, sizeof(bytes)}

static const struct ConsolePage pages[] = {
    PAGE("index.html", index_html),
    PAGE("console.css", console_css),
    PAGE("icon.svg", icon_svg),
    PAGE("app.js", app_js),
    PAGE("dom.js", dom_js),
    PAGE("api.js", api_js),
    PAGE("feed.js", feed_js),
    PAGE("format.js", format_js),
    PAGE("parts.js", parts_js),
    PAGE("billing.js", billing_js),
    PAGE("chart.js", chart_js),
    PAGE("dialog.js", dialog_js),
    PAGE("fleet.js", fleet_js),
    PAGE("instance.js", instance_js),
    PAGE("jobs.js", jobs_js),
    PAGE("create.js", create_js),
    PAGE("prices.js", prices_js),
    PAGE("spend.js", spend_js),
    PAGE("health.js", health_js),
    PAGE("signin.js", signin_js),
    PAGE("timeline.js", timeline_js),
};

size_t ConsolePages_count(void) { return sizeof(pages) / sizeof(pages[0]); }

const struct ConsolePage *ConsolePages_at(size_t index) { return &pages[index]; }
