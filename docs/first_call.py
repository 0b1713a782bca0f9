import grpc
from novitai.v1 import instance_pb2 as pb, instance_pb2_grpc

client = instance_pb2_grpc.InstanceServiceStub(grpc.insecure_channel("127.0.0.1:50051"))
made = client.CreateInstance(pb.CreateInstanceRequest(
    request_id="order-4711",  # repeat the call with the same id as often as you like: one machine
    spec=pb.InstanceSpec(products=["RTX 4090 24GB"], gpu_count=1, image="alpine"),
))
for update in client.WatchInstances(pb.WatchInstancesRequest(ids=[made.instance.id])):
    for event in update.events:
        print(pb.InstanceState.Name(event.instance.state), event.instance.endpoints)
        if event.instance.readiness == pb.READINESS_READY:
            client.DeleteInstance(pb.DeleteInstanceRequest(id=made.instance.id))
        if event.instance.state == pb.INSTANCE_STATE_DELETED:
            raise SystemExit
