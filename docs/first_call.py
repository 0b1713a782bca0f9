import uuid

import grpc
from novitai.v1 import instance_pb2 as pb, instance_pb2_grpc

client = instance_pb2_grpc.InstanceServiceStub(grpc.insecure_channel("127.0.0.1:50051"))
made = client.CreateInstance(pb.CreateInstanceRequest(
    request_id=str(uuid.uuid4()),  # keep it, and repeat the call with it as often as you like: one machine
    spec=pb.InstanceSpec(products=["RTX 4090 24GB"], gpu_count=1, image="alpine"),
))
for update in client.WatchInstances(pb.WatchInstancesRequest(ids=[made.instance.id])):
    for event in update.events:
        print(pb.InstanceState.Name(event.instance.state), event.instance.state_message)
        if event.instance.readiness == pb.READINESS_READY and event.instance.desired_state == pb.DESIRED_STATE_RUNNING:
            client.DeleteInstance(pb.DeleteInstanceRequest(id=made.instance.id))
        if event.instance.state in (pb.INSTANCE_STATE_DELETED, pb.INSTANCE_STATE_FAILED):
            raise SystemExit
