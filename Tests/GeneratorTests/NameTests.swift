import Testing

@testable import protoc_gen_novitai

@Suite("Names")
struct NameTests {
    @Test(
        "a package becomes a namespace",
        arguments: [
            ("novitai.v1", "NovitaiV1"), ("grpc.reflection.v1alpha", "GrpcReflectionV1Alpha"), ("google.rpc", "GoogleRpc"),
            ("my_company.api", "MyCompanyApi"),
        ])
    func namespace(_ package: String, _ wanted: String) { #expect(SwiftName.namespace(package) == wanted) }

    @Test(
        "a field becomes a property, in backticks when it is a keyword",
        arguments: [
            ("gpu_count", "gpuCount"), ("id", "id"), ("default", "`default`"), ("protocol", "`protocol`"), ("a__b", "aB"), ("x_2", "x2"),
        ])
    func property(_ name: String, _ wanted: String) { #expect(SwiftName.property(name) == wanted) }

    @Test(
        "an enum value loses the name of its enum",
        arguments: [
            ("INSTANCE_STATE_PENDING", "InstanceState", "pending"), ("UNKNOWN", "ServingStatus", "unknown"), ("TYPE_2D", "Type", "_2d"),
            ("KIND_DEFAULT", "Kind", "`default`"), ("HTTP2_ERROR_FLOW_CONTROL", "Http2Error", "flowControl"),
        ])
    func enumValue(_ value: String, _ enumeration: String, _ wanted: String) {
        #expect(SwiftName.enumValue(value, of: enumeration) == wanted)
    }

    @Test(
        "type names that Swift reserves get a suffix",
        arguments: [("Any", "AnyMessage"), ("Type", "TypeMessage"), ("Instance", "Instance")])
    func type(_ name: String, _ wanted: String) { #expect(SwiftName.type(name, suffix: "Message") == wanted) }

    @Test(
        "C names are protoc-gen-c's",
        arguments: [
            ("novitai.v1.PortSpec", "Novitai__V1__PortSpec", "novitai__v1__port_spec"),
            ("a.b_c.HTTPProbe", "A__BC__HTTPProbe", "a__b_c__httpprobe"),
            ("p.Outer.LabelsEntry", "P__Outer__LabelsEntry", "p__outer__labels_entry"),
        ])
    func cNames(_ name: String, _ type: String, _ prefix: String) {
        #expect(CName.type(name) == type)
        #expect(CName.prefix(name) == prefix)
    }

    @Test(
        "C keywords get an underscore, and two words backticks",
        arguments: [("default", "default_"), ("UPPER", "upper"), ("self", "`self`"), ("init", "`init`")])
    func cFields(_ name: String, _ wanted: String) { #expect(CName.member(name) == wanted) }
}
