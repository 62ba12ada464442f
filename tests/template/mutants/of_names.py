# ruff: noqa: E501 (one mutant a line)
"""Names that template and code share; state machines; workflows and the registry."""

from tests.template.mutants.making import REGISTRY, TEMPLATE, Mutant

DEPLOY = ".github/workflows/deploy.yml"
CI = ".github/workflows/ci.yml"
PIPELINE = "statemachine/pipeline.asl.json"
ADMIT = "statemachine/admit.asl.json"
BACKFILL = "statemachine/backfill.asl.json"
REMOVAL = "statemachine/removal.asl.json"

# fmt: off
MUTANTS = (
    Mutant(TEMPLATE, "RawBucket", "AllowedMethods: [POST]", "AllowedMethods: [PUT]", "CORS allows"),
    Mutant(TEMPLATE, "RawBucket", "!Sub https://${Distribution.DomainName}", "!Sub https://${LoadBalancer.DNSName}", "and the page is"),
    Mutant("frontend/components/uploader.js", "", 'request.open("POST"', 'request.open("PUT"', "uploader.js sends PUT"),
    Mutant(TEMPLATE, "UsersClient", "${DomainName}/oauth2callback", "${DomainName}/oauth2/callback", "comes back to"),
    Mutant(TEMPLATE, "UsersClient", "https://${Distribution.DomainName}/oauth2callback", "http://${Distribution.DomainName}/oauth2callback", "comes back to"),
    Mutant("frontend/serve.py", "", "{public}/oauth2callback", "{public}/callback", "comes back to"),
    Mutant(TEMPLATE, "UsersClient", "AllowedOAuthFlows: [code]", "AllowedOAuthFlows: [implicit]", "code flow"),
    Mutant(TEMPLATE, "UsersClient", "[openid, email, profile]", "[openid]", "who is signed in"),
    Mutant(TEMPLATE, "Users", "AllowAdminCreateUserOnly: true", "AllowAdminCreateUserOnly: false", "anybody may"),
    Mutant(TEMPLATE, "FrontendTask", 'Value: !If [HasDomain, !Sub "https://${DomainName}", !Sub "https://${Distribution.DomainName}"]', 'Value: !Sub "https://${DomainName}"', "PUBLIC_URL is"),
    Mutant(TEMPLATE, "TargetGroup", "HealthCheckPath: /_stcore/health", "HealthCheckPath: /healthz", "asks /healthz"),
    Mutant(TEMPLATE, "TargetGroup", '{ Key: stickiness.enabled, Value: "true" }', '{ Key: stickiness.enabled, Value: "false" }', "knows the session"),
    Mutant("frontend/Dockerfile", "", "/_stcore/health", "/health", "the image answers at"),
    Mutant(TEMPLATE, "LoadBalancer", 'Value: "600"', 'Value: "60"', "web socket"),
    Mutant(TEMPLATE, "Distribution", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "658327ea-f89d-4fab-a63d-7e88639e58f6", "is not CachingDisabled"),
    Mutant(TEMPLATE, "Distribution", "216adef6-5c7f-47e4-b989-5492eafa07d3", "b689b0a8-53d0-40ab-baf2-68738e2966ac", "is not AllViewer"),
    Mutant(TEMPLATE, "Distribution", "[GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]", "[GET, HEAD, OPTIONS]", "needs every method"),
    Mutant(TEMPLATE, "Distribution", "ViewerProtocolPolicy: redirect-to-https", "ViewerProtocolPolicy: allow-all", "plain text"),
    Mutant(TEMPLATE, "FrontendTask", "${FrontendSecret}:client_secret::", "${FrontendSecret}:clientSecret::", "which its secret has not"),
    Mutant(TEMPLATE, "FrontendSecret", "GenerateStringKey: cookie_secret", "GenerateStringKey: cookie", "which its secret has not"),
    Mutant(TEMPLATE, "FrontendTask", "{ Name: RAW_BUCKET, Value: !Ref RawBucket }", "{ Name: RAW_BUKET, Value: !Ref RawBucket }", "nothing reads RAW_BUKET"),
    Mutant(TEMPLATE, "RestorationFunction", "MAX_MEGAPIXELS: !Ref MaxMegapixels", "MAX_MEGAPIXEL: !Ref MaxMegapixels", "nothing reads MAX_MEGAPIXEL"),
    Mutant(TEMPLATE, "ReframingFunction", "POWERTOOLS_SERVICE_NAME: reframing", "POWERTOOLS_SERVICE_NAME: segmentation", "bear another's name"),
    Mutant(TEMPLATE, "ReframingFunction", "Command: [reframing.app.handler]", "Command: [restoration.app.handler]", "runs the handler of restoration"),
    Mutant(TEMPLATE, "SegmentationFunction", "FunctionName: !Sub ${AWS::StackName}-segmentation", "FunctionName: !Sub ${AWS::StackName}-segment", "is called"),
    Mutant(TEMPLATE, "RelabelFunction", "LogGroup: !Ref RelabelLogs", "LogGroup: !Ref RemovalLogs", "logs into"),
    Mutant(TEMPLATE, "DomainRecord", "!GetAtt LoadBalancer.DNSName", "!GetAtt Distribution.DomainName", "does not lead"),
    Mutant(TEMPLATE, "Certificate", "      DomainName: !Ref DomainName", "      DomainName: !Sub www.${DomainName}", "of another name"),
    Mutant(TEMPLATE, "FrontendTask", "!If [IsArm, ARM64, X86_64]", "ARM64", "another architecture"),
    Mutant(TEMPLATE, "FrontendTask", 'User: "1000"', 'User: "0"', "runs as root"),
    Mutant(TEMPLATE, "FrontendTask", "ContainerPath: /tmp, ReadOnly: false", "ContainerPath: /tmp, ReadOnly: true", "cannot be written"),
    # state machines
    Mutant(PIPELINE, "Restoration", '"Next": "Reframing"', '"Next": "Segmentation"', "is followed by"),
    Mutant(PIPELINE, "Reframing", "{'reframing': $states.result.Payload}", "{'reframe': $states.result.Payload}", "not kept under its name"),
    Mutant(PIPELINE, "Coverage", "{% $merge([$states.input, {'coverage': $states.result.Payload}]) %}", "{% {'coverage': $states.result.Payload} %}", "is dropped"),
    Mutant(PIPELINE, "Segmentation", "${SegmentationFunctionArn}", "${ReframingFunctionArn}", "calls"),
    Mutant(PIPELINE, "Segmentation", '"Payload": "{% $states.input %}"', '"Payload": "{% $states.input.input %}"', "state document"),
    Mutant(PIPELINE, "Where to start", "= 'segmentation'", "= 'segmenting'", "start_at 'segmentation'"),
    Mutant(PIPELINE, "Coverage", '"DatabaseUnavailableError"', '"DatabaseUnavailabeError"', "nobody raises"),
    Mutant(PIPELINE, "Restoration", '"Lambda.ServiceException"', '"Lambda.ServiceFault"', "nobody raises"),
    Mutant(ADMIT, "Start pipeline", "StepFunctions.ExecutionAlreadyExistsException", "StepFunctions.ExecutionAlreadyExists", "nobody raises"),
    Mutant(PIPELINE, "Coverage", '"MaxAttempts": 8', '"MaxAttempts": 2', "waits"),
    Mutant(REMOVAL, "", '"TimeoutSeconds": 21600', '"TimeoutSeconds": 3600', "before its states"),
    Mutant(ADMIT, "Keep the event", '"MaxAttempts": 5', '"MaxAttempts": 9', "an express execution ends"),
    Mutant(PIPELINE, "Failed", "{% $failure.error %}", "{% $fault.error %}", "nothing assigns $fault"),
    Mutant(PIPELINE, "Take a place", "$states.context.Execution.StartTime", "$states.context.State.EnteredTime", "started_at is"),
    Mutant(ADMIT, "Start pipeline", '"key": "{% $states.input.detail.object.key %}"', '"key": "{% $states.input.detail.bucket.name %}"', "'key' is given"),
    Mutant(ADMIT, "Start pipeline", '"sequencer":', '"sequence":', "reads no 'sequence'"),
    # workflows and registry
    Mutant(DEPLOY, "", "permissions:\n  contents: read\n", "permissions: write-all\n", "every job may"),
    Mutant(DEPLOY, "workers", "      id-token: write\n", "", "has the permissions"),
    Mutant(DEPLOY, "changes", "      actions: read # which runs succeeded\n", "      actions: write\n", "has the permissions"),
    Mutant(DEPLOY, "frontend", "    environment: ${{ inputs.environment || 'dev' }}\n", "", "has no environment"),
    Mutant(DEPLOY, "frontend", "          aws-region:", "          audience: sts.amazonaws.com.cn\n          aws-region:", "asks for the audience"),
    Mutant(DEPLOY, "workers", "secrets.ECR_RESTORATION_LAMBDA ||", "secrets.ECR_REFRAMING_LAMBDA ||", "REPOSITORY is"),
    Mutant(DEPLOY, "workers", "|| secrets.LAMBDA_IMAGE_SEGMENTATION", "|| secrets.LAMBDA_IMAGE_REFRAMING", "FUNCTION is"),
    Mutant(DEPLOY, "workers", "--provenance=false ", "", "no longer says"),
    Mutant(DEPLOY, "", "branches: [main]", "branches: ['**']", "a push to"),
    Mutant(DEPLOY, "", "cancel-in-progress: false", "cancel-in-progress: true", "cut off"),
    Mutant(DEPLOY, "frontend", "needs.changes.outputs.frontend == 'true'", "needs.changes.outputs.workers != '[]'", "runs if"),
    Mutant(CI, "", "  pull_request:\n", "  pull_request_target:\n", "strangers"),
    Mutant(CI, "test", "          persist-credentials: false\n", "          persist-credentials: true\n", "leaves its token"),
    Mutant(REGISTRY, "GitHubProvider", "ClientIdList: [sts.amazonaws.com]", "ClientIdList: [https://github.com]", "not sts.amazonaws.com"),
    Mutant(REGISTRY, "GitHubRole", "token.actions.githubusercontent.com:aud: sts.amazonaws.com", "token.actions.githubusercontent.com:aud: https://github.com/o", "to the letter"),
    Mutant(REGISTRY, "GitHubRole", "StringEquals:", "StringLike:", "to the letter"),
    Mutant(REGISTRY, "GitHubRole", ":environment:${GitHubEnvironment}", ":*", "to the letter"),
    Mutant(REGISTRY, "SegmentationRepository", "function:${ApplicationStack}-*", "function:*", "of other stacks"),
    Mutant(REGISTRY, "SegmentationRepository", "function:${ApplicationStack}-*", "function:${ApplicationStack}/*", "may not pull"),
    Mutant(REGISTRY, "ReframingRepository", "Service: lambda.amazonaws.com", "Service: ecs.amazonaws.com", "may not pull"),
    Mutant(REGISTRY, "ConversionRepository", "[ecr:BatchGetImage, ecr:GetDownloadUrlForLayer]", "[ecr:BatchGetImage]", "may not pull"),
    Mutant(REGISTRY, "RestorationRepository", "${ApplicationStack}/restoration", "${ApplicationStack}/restore", "is called"),
)
