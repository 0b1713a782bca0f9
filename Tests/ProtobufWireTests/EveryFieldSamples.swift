import ProtobufWire
import TestProto

/// Messages with all kinds of fields set.
enum EveryFieldSamples {
    static let leaf = {
        var leaf = NovitaiTestV1.Leaf()
        leaf.text = "ab\0cd"
        leaf.number = -7
        return leaf
    }()

    /// Each kind of field once, with values that need care: embedded NUL, negative and unknown enum values, empty submessages.
    static let full = {
        var message = NovitaiTestV1.EveryField()
        message.aDouble = 0.1
        message.aFloat = -2.5
        message.anInt32 = -1
        message.anInt64 = .min
        message.aUint64 = .max
        message.aSint64 = -3
        message.aSfixed32 = .min
        message.aBool = true
        message.aString = "Grüße 👩‍🚀"
        message.someBytes = [0, 255, 128]
        message.aColour = .ultraviolet
        message.aLeaf = EveryFieldSamples.leaf
        message.aNested = NovitaiTestV1.EveryField.Nested()
        message.aNested?.type = ._2d
        message.aNested?.inner = NovitaiTestV1.EveryField.Nested.Inner()
        message.optionalInt32 = 0
        message.optionalString = ""
        message.optionalBytes = []
        message.optionalBool = false
        message.optionalColour = NovitaiTestV1.Colour(rawValue: 4711)
        message.optionalLeaf = NovitaiTestV1.Leaf()
        message.doubles = [1, -1]
        message.sint32s = [0, -1, .max]
        message.bools = [true, false]
        message.strings = ["", "\0", "x"]
        message.byteStrings = [[], [1]]
        message.colours = [.red, .ultraviolet, .init(rawValue: 99)]
        message.leaves = [EveryFieldSamples.leaf, NovitaiTestV1.Leaf()]
        message.unpackedInt32s = [1, -2]
        message.stringsByString = ["k\0": "v", "": ""]
        message.leavesByInt64 = [-1: EveryFieldSamples.leaf]
        message.coloursByUint32 = [7: .red]
        message.sfixed64sByBool = [true: -1, false: 2]
        message.choice = .choiceBytes([])
        return message
    }()
}
