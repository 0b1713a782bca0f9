import Testing

@testable import Console

@Suite("The console's files")
struct PageTests {
    private static func text(_ name: String) -> String { String(decoding: Page.all[name]?.bytes ?? [], as: UTF8.self) }

    @Test("every file has a type, is not empty, and all together are a small first view")
    func files() {
        #expect(Page.all["index.html"]?.contentType == "text/html; charset=utf-8")
        for (name, page) in Page.all {
            #expect(!page.bytes.isEmpty && page.contentType != "application/octet-stream", "\(name)")
        }
        #expect(Page.all.values.reduce(0) { $0 + $1.bytes.count } < 150_000)
        #expect(Page(name: "a.js", bytes: [1]).entityTag != Page(name: "a.js", bytes: [2]).entityTag)
    }

    @Test("every file that a file names is served")
    func references() {
        for (name, page) in Page.all {
            let text = String(decoding: page.bytes, as: UTF8.self)
            for reference in text.matches(of: /\/console\/([a-z]+\.(?:js|css|svg))/) {
                #expect(Page.all[String(reference.output.1)] != nil, "\(name) names \(reference.output.1)")
            }
        }
    }

    @Test("no file has what the content policy forbids, nor a way to make markup of text")
    func policy() {
        let index = Self.text("index.html")
        #expect(!index.contains("<style") && !index.contains(" style=") && !index.contains(" onclick="))
        for (name, page) in Page.all where name.hasSuffix(".js") {
            let text = String(decoding: page.bytes, as: UTF8.self)
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"] {
                #expect(!text.contains(word), "\(name): \(word)")
            }
        }
        for (name, page) in Page.all where !name.hasSuffix(".svg") {
            let hosts = String(decoding: page.bytes, as: UTF8.self).matches(of: /https?:\/\/[a-z.]+/).map(\.output)
            #expect(hosts.allSatisfy { $0 == "http://www.w" }, "\(name): \(hosts)")
        }
    }
}
