/* The smallest server that xmlrpc-c makes: one procedure, `refresh`, which takes a string and answers true. */
#include <stdio.h>
#include <stdlib.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/server.h>
#include <xmlrpc-c/server_abyss.h>

static xmlrpc_value *refresh(xmlrpc_env *const env, xmlrpc_value *const params, void *const info, void *const call)
{
    const char *session;

    (void)info;
    (void)call;
    xmlrpc_decompose_value(env, params, "(s)", &session);
    if (env->fault_occurred)
        return NULL;
    free((void *)session);
    return xmlrpc_build_value(env, "b", (xmlrpc_bool)1);
}

int main(int argc, char **argv)
{
    struct xmlrpc_method_info3 const method = {.methodName = "refresh", .methodFunction = refresh};
    xmlrpc_server_abyss_parms parms = {0};
    xmlrpc_env env;

    if (argc != 2)
        return 2;
    xmlrpc_env_init(&env);
    parms.config_file_name = NULL;
    parms.registryP = xmlrpc_registry_new(&env);
    xmlrpc_registry_add_method3(&env, parms.registryP, &method);
    parms.port_number = (unsigned int)atoi(argv[1]);
    parms.log_file_name = NULL;
    /* Its default is to close a connection after 30 requests: that would measure connects. */
    parms.keepalive_timeout = 60;
    parms.keepalive_max_conn = 2000000000;
    xmlrpc_server_abyss(&env, &parms, XMLRPC_APSIZE(keepalive_max_conn));
    fprintf(stderr, "abyss: %s\n", env.fault_string ? env.fault_string : "ended");
    return 1;
}
