/// Replies as the provider writes them: 64-bit numbers as strings, or as its documentation says.
enum Fixtures {
    static let machineLive = """
        {
          "id": "5c1e0a97d2b34f68", "name": "deployment.i-1.2", "clusterId": "us-ca-6", "clusterName": "US-CA-06 (California)",
          "status": "running", "statusError": {"state": "", "message": ""}, "imageUrl": "team/image:1", "imageAuthId": "", "command": "",
          "cpuNum": "16", "memory": "62", "gpuNum": "1", "productId": "4090.16c62g", "productName": "RTX 4090 24GB", "rootfsSize": 60,
          "kind": "gpu", "billingMode": "spot", "endTime": "-1", "spotStatus": "notified", "spotReclaimTime": "1767229200",
          "createdAt": "1767225600", "lastStartedAt": "1767225712", "lastStoppedAt": "0",
          "portMappings": [
            {"port": 8080, "endpoint": "https://5c1e0a97d2b34f68-8080.us-ca-6.gpu-instance.novita.ai", "type": "http"},
            {"port": 22, "endpoint": "proxy.us-ca-6.gpu-instance.novita.ai:42155", "type": "tcp"},
            {"port": 9000, "endpoint": "", "type": "http"}],
          "envs": [{"key": "RUN_ID", "value": "7f3a"}, {"key": "NOVITAI_OWNER", "value": "deployment.i-1.2"}],
          "network": {"id": "", "ip": ""}, "jobs": [], "node": [{"maxRootfsSize": 1800}], "connectComponentJupyter": null, "novelty": {"x": 1}
        }
        """

    static let machineDocumented = """
        {
          "Id": "5c1e0a97d2b34f68", "name": "deployment.i-1.2", "clusterId": "us-ca-6", "status": "running", "statusError": null,
          "cpuNum": 16, "memory": 62, "gpuNum": 1, "productId": "4090.16c62g", "rootfsSize": "60", "billingMode": "spot",
          "spotStatus": "notified", "spotReclaimTime": 1767229200, "createdAt": 1767225600,
          "portMappings": [
            {"port": "8080", "endpoint": "https://5c1e0a97d2b34f68-8080.us-ca-6.gpu-instance.novita.ai", "type": "http"},
            {"port": "22", "endpoint": "proxy.us-ca-6.gpu-instance.novita.ai:42155", "type": "TCP"}]
        }
        """

    static let clusters = """
        {"data": [
          {"id": "us-ca-6", "name": "US-CA-06 (California)", "availableGpuType": ["RTX 4090 24GB"], "supportNetworkStorage": true},
          {"id": "cn-hongkong-1", "name": "CN-HK-01 (Hong Kong)", "availableGpuType": "L40S 48GB"}]}
        """

    static let jobsLive = """
        {"jobs": [
          {"Id": "jb-20931", "user": "9d1f", "type": "saveImage", "state": {"state": "running", "error": "", "errorMessage": ""}, "envs": [],
           "logAddress": "https://logs.example.test/job/20931", "createdAt": "1767229000", "instanceId": "5c1e0a97d2b34f68"},
          {"Id": "jb-20932", "type": "instanceMigrate", "state": {"state": "fail", "error": "NODE", "errorMessage": "no room"},
           "createdAt": "1767229100", "instanceId": "5c1e0a97d2b34f68"}], "total": "2"}
        """

    static let jobsDocumented = """
        {"jobs": [
          {"id": "jb-20931", "type": "saveImage", "state": [{"state": "running"}], "createdAt": 1767229000, "instanceId": "5c1e0a97d2b34f68"},
          {"id": "jb-20932", "type": "instanceMigrate", "state": {"state": "fail", "message": "no room"}, "createdAt": 1767229100,
           "instanceId": "5c1e0a97d2b34f68"}], "total": 2}
        """

    static let metricsLive = """
        {"cpuUtilization": [{"timestamp": "1767229000", "value": 12.5}], "memUtilization": [], "rootDiskUtilization": null,
         "gpuUtilization": {"avg": [{"timestamp": "1767229000", "value": 97}],
           "gpuIds": [{"gpuId": "0", "items": [{"timestamp": "1767229000", "value": 97}]}]},
         "gpuMemUtilization": {"avg": [], "gpuIds": []}}
        """

    static let metricsDocumented = """
        {"cpuUtilization": [{"timestamp": 1767229000, "value": "12.5"}, {"timestamp": 0, "value": 3}],
         "gpuUtilization": {"avg": [{"timestamp": 1767229000000, "value": "97"}],
           "gpuIds": [{"gpuId": 0, "items": [{"timestamp": 1767229000, "value": 97.0}]}]}}
        """

    static let access = """
        {"id": "5c1e0a97d2b34f68", "status": "running",
         "connectComponentSSH": {"sshCommand": "ssh -p 41822 root@proxy.us-ca-6.gpu-instance.novita.ai", "password": "canary", "isRunning": true},
         "connectComponentWebTerminal": {"address": "", "username": "", "password": "", "isRunning": false}, "connectComponentJupyter": null,
         "connectComponentLog": {"systemLogAddress": "https://logs.example.test/sys/5c1e",
           "instanceLogAddress": "https://logs.example.test/inst/5c1e", "isRunning": true}}
        """
}
