/// One change of one object, at its place in the log.
package struct Event: Hashable, Sendable {
    package enum Object: Hashable, Sendable {
        case instance(Instance)
        case job(Job)
    }

    package var revision: Revision
    package var object: Object

    package init(revision: Revision, object: Object) {
        self.revision = revision
        self.object = object
    }
}
