// swift-tools-version: 6.2
import PackageDescription

// The compiler holds the rules of the house: see docs/architecture.md. A target's dependencies are what it may import; nothing else.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // The compiler proves most accesses exclusive; those of class properties it checks when they happen, at a twentieth of a call's time.
    // The tests run with these checks, what is deployed without.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

// For what the simulations spend most of their time in: without the optimizer, bytes and loops take a third of it.
let fast = rules + [.unsafeFlags(["-O"], .when(configuration: .debug))]

// What is deployed is linked small: no table of names for others to link with (nobody does), relocations packed (glibc 2.36 reads them),
// functions that came out alike kept once.
let small: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "--icf=all",
        ], .when(platforms: [.linux], configuration: .release))
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: rules)
}

func program(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .executableTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: rules, linkerSettings: small)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: rules)
}

func product(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

let argumentParser = product("ArgumentParser", "swift-argument-parser")
let asyncAlgorithms = product("AsyncAlgorithms", "swift-async-algorithms")
let crypto = product("Crypto", "swift-crypto")
let deque = product("DequeModule", "swift-collections")
let grdb = product("GRDB", "GRDB.swift")
let grdbSQLite = product("GRDBSQLite", "GRDB.swift")
let hummingbird = product("Hummingbird", "hummingbird")
let logging = product("Logging", "swift-log")
let nioCore = product("NIOCore", "swift-nio")
let nioEmbedded = product("NIOEmbedded", "swift-nio")
let nioSSL = product("NIOSSL", "swift-nio-ssl")
let nioTLS = product("NIOTLS", "swift-nio")
let nioPosix = product("NIOPosix", "swift-nio")
let serviceLifecycle = product("ServiceLifecycle", "swift-service-lifecycle")
let subprocess = product("Subprocess", "swift-subprocess")
let systemPackage = product("SystemPackage", "swift-system")
let unixSignals = product("UnixSignals", "swift-service-lifecycle")

let package = Package(
    name: "novitai",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms.git", exact: "1.1.4"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
    ],
    targets: [
        // The wire.
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CNovitaiProto", dependencies: ["CProtobufC"]),
        .target(name: "CBlockPool"),
        library("HTTP2Session", ["CBlockPool", "CNghttp2"]),
        library("RPCCore"),
        library("RPCServiceConfig", ["JSONText", "RPCCore"]),
        library("Compression", ["CZlib", "RPCCore"]),
        library(
            "RPCTransport",
            [
                "CProcessLimits", "Compression", "HTTP2Session", "RPCCore", crypto, deque, nioCore, nioPosix, nioSSL, nioTLS, systemPackage,
            ]),
        library("ProtobufWire", ["CProtobufC", "RPCCore"]),
        library("NovitaiProto", ["CNovitaiProto", "ProtobufWire", "RPCCore"]),
        .target(name: "COTLPProto", dependencies: ["CProtobufC"]),
        library("OTLPProto", ["COTLPProto", "ProtobufWire", "RPCCore"]),
        library("ProtobufJSON", ["CivilTime", "NovitaiProto", "ProtobufWire", "RPCCore"]),
        program("protoc-gen-novitai", ["ProtobufWire"]),

        // The domain and what drives it.
        library("Traces"),
        library("Fleet", ["Traces"]),
        library("FleetEngine", ["Fleet", "Traces"]),
        library("SQLiteStore", ["Fleet", "JSONText", deque, grdb, grdbSQLite]),
        library("Secrets", ["Fleet", crypto]),

        // The provider.
        library("CurlClient", ["CCurl"]),
        library("NovitaCloud", ["CivilTime", "CurlClient", "Fleet", "JSONText", "Traces"]),
        library("Outbound", ["CurlClient", "Fleet", crypto]),
        library("NovitaSimulator"),
        library("NovitaSimulatorHTTP", ["NovitaSimulator", hummingbird, logging, nioCore, serviceLifecycle]),

        // The service.
        .target(name: "CProcessLimits"),
        .target(name: "CStartupPages"),
        .target(name: "CHandover"),
        library("Handover", ["CHandover", systemPackage]),
        library("Access"),
        library("CivilTime"),
        .target(name: "JSONText", swiftSettings: fast),
        library("Settings"),
        library("Telemetry", ["CProcessLimits", "CivilTime", "Traces", logging, systemPackage]),
        library("TraceExport", ["Fleet", "NovitaiProto", "OTLPProto", "RPCCore", "Telemetry", "Traces", logging]),
        library(
            "Services", ["Access", "CivilTime", "Fleet", "NovitaiProto", "ProtobufWire", "RPCCore", "Telemetry", "Traces", crypto, logging]),
        .target(name: "CConsolePages", exclude: ["pages"]),
        library(
            "Console",
            [
                "CConsolePages", "NovitaiProto", "ProtobufJSON", "ProtobufWire", "RPCCore", asyncAlgorithms, hummingbird, nioCore,
                serviceLifecycle,
            ]),
        library(
            "Sidecar", ["CivilTime", "Console", "NovitaiProto", "RPCCore", hummingbird, logging, nioCore, nioPosix, serviceLifecycle]),

        // The programs: wiring, no logic.
        program(
            "novitaid",
            [
                "Access", "CStartupPages", "CurlClient", "Fleet", "FleetEngine", "HTTP2Session", "Handover", "NovitaCloud", "NovitaiProto",
                "Outbound",
                "RPCCore", "RPCTransport", "SQLiteStore", "Secrets", "Services", "Settings",
                "OTLPProto", "Telemetry", "TraceExport", "Traces", argumentParser, logging, systemPackage, unixSignals,
            ]),
        program(
            "novitai",
            [
                "CivilTime", "JSONText", "NovitaiProto", "ProtobufJSON", "ProtobufWire", "RPCCore", "RPCServiceConfig", "RPCTransport",
                argumentParser, crypto, systemPackage,
            ], resources: [.embedInCode("service-config.json")]),
        program(
            "novitai-sidecar",
            [
                "RPCCore", "RPCTransport", "Settings", "Sidecar", "Telemetry", argumentParser, hummingbird, logging, serviceLifecycle,
                unixSignals,
            ]),
        program(
            "novita-sim",
            ["NovitaSimulator", "NovitaSimulatorHTTP", "Settings", "Telemetry", argumentParser, logging, serviceLifecycle, unixSignals]),

        // Test support and tests.
        .target(name: "CTestProto", dependencies: ["CProtobufC"], path: "Tests/CTestProto"),
        .target(
            name: "TestProto", dependencies: ["CTestProto", "ProtobufWire", "RPCCore"], path: "Tests/TestProto", swiftSettings: rules),
        .target(
            name: "TestSupport", dependencies: [subprocess, systemPackage], path: "Tests/TestSupport", exclude: ["tls_server.py"],
            swiftSettings: rules),
        .target(name: "HTTP2Frames", path: "Tests/HTTP2Frames", swiftSettings: rules),
        .target(
            name: "FuzzTargets",
            dependencies: ["Compression", "HTTP2Frames", "HTTP2Session", "NovitaiProto", "ProtobufWire", "RPCCore", "TestProto"],
            path: "Tests/FuzzTargets", exclude: ["Corpus"], swiftSettings: rules),
        .executableTarget(
            name: "InteropServer", dependencies: ["HTTP2Session", "RPCCore", "RPCTransport", "TestProto", argumentParser],
            path: "Tests/InteropServer", swiftSettings: rules),
        .executableTarget(
            name: "InteropClient", dependencies: ["Compression", "RPCCore", "RPCTransport", "TestProto", argumentParser],
            path: "Tests/InteropClient", swiftSettings: rules),
        .target(
            name: "FleetSimulation", dependencies: ["Fleet", "FleetEngine", "NovitaSimulator", "SQLiteStore", "Traces"],
            path: "Tests/FleetSimulation", swiftSettings: fast),
        .executableTarget(
            name: "FaultStorm", dependencies: ["FleetSimulation", argumentParser], path: "Tests/FaultStorm", swiftSettings: rules),
        .target(name: "StoreContract", dependencies: ["Fleet"], path: "Tests/StoreContract", swiftSettings: rules),
        .executableTarget(
            name: "StoreCrashChild", dependencies: ["Fleet", "SQLiteStore", "StoreContract"], path: "Tests/StoreCrashChild",
            swiftSettings: rules),
        tests("AccessTests", ["Access"]),
        tests("CivilTimeTests", ["CivilTime"]),
        tests(
            "ConsoleTests",
            [
                "Console", "NovitaiProto", "ProtobufJSON", "ProtobufWire", "RPCCore", "Sidecar", "TestSupport", hummingbird, logging,
                nioCore,
                nioPosix,
            ]),
        tests("CompressionTests", ["Compression", "RPCCore"]),
        tests("CurlClientTests", ["CurlClient", "TestSupport"]),
        tests("FleetTests", ["Fleet", "JSONText", "TestSupport"]),
        tests("FleetEngineTests", ["Fleet", "FleetEngine", "FleetSimulation", "NovitaSimulator", "SQLiteStore", "Traces"]),
        tests("FuzzTests", ["FuzzTargets", "TestSupport"]),
        tests("GeneratorTests", ["ProtobufWire", "TestSupport", "protoc-gen-novitai"]),
        tests("HTTP2SessionTests", ["CBlockPool", "HTTP2Frames", "HTTP2Session", "TestSupport"]),
        tests("JSONTextTests", ["JSONText"]),
        tests(
            "NovitaCloudTests",
            [
                "CurlClient", "Fleet", "JSONText", "NovitaCloud", "NovitaSimulator", "NovitaSimulatorHTTP", "TestSupport", "Traces",
                logging,
                serviceLifecycle,
            ]),
        tests("NovitaSimulatorTests", ["NovitaSimulator"]),
        tests(
            "NovitaSimulatorHTTPTests",
            ["NovitaSimulator", "NovitaSimulatorHTTP", "TestSupport", "novita-sim", logging, nioCore, nioPosix, serviceLifecycle]),
        tests("NovitaiTests", ["NovitaiProto", "RPCCore", "novitai", argumentParser]),
        tests("OutboundTests", ["CurlClient", "Fleet", "Outbound", "TestSupport", nioCore, nioPosix]),
        tests("ProtobufWireTests", ["NovitaiProto", "ProtobufWire", "RPCCore", "TestProto", "TestSupport"], exclude: ["peer.py"]),
        tests("RPCCoreTests", ["RPCCore"]),
        tests("RPCServiceConfigTests", ["RPCCore", "RPCServiceConfig"]),
        tests(
            "RPCTransportTests",
            [
                "Compression", "HTTP2Frames", "HTTP2Session", "Handover", "RPCCore", "RPCTransport", "TestSupport", nioCore, nioEmbedded,
                nioPosix,
            ], exclude: ["clients"]),
        tests(
            "ServicesTests",
            [
                "Access", "Fleet", "NovitaiProto", "ProtobufWire", "RPCCore", "SQLiteStore", "Services", "StoreContract", "Telemetry",
                "Traces", logging,
            ]),
        tests("SecretsTests", ["Fleet", "SQLiteStore", "Secrets", "StoreContract", grdb]),
        tests("SettingsTests", ["Fleet", "Settings"]),
        tests(
            "SQLiteStoreTests", ["Fleet", "JSONText", "SQLiteStore", "StoreContract", "StoreCrashChild", "TestSupport", "Traces", grdb],
            exclude: ["Golden"]),
        tests("TelemetryTests", ["Telemetry", "Traces", logging]),
        tests("TraceExportTests", ["Fleet", "NovitaiProto", "OTLPProto", "RPCCore", "Telemetry", "TraceExport", "Traces", logging]),
        tests("TracesTests", ["Traces"]),
    ]
)

// Only scripts/fuzz links the runtime library that it needs.
if Context.environment["NOVITAI_FUZZER"] != nil {
    package.targets.append(.executableTarget(name: "Fuzzer", dependencies: ["FuzzTargets"], path: "Tests/Fuzzer", swiftSettings: rules))
}
