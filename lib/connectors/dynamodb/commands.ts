/** The SDK's commands for the calls that are made here. */
import type * as AwsSdk from '@aws-sdk/client-dynamodb'

export type Sdk = typeof AwsSdk

export type Operation =
  | 'BatchGetItem'
  | 'BatchWriteItem'
  | 'CreateTable'
  | 'DeleteItem'
  | 'DeleteTable'
  | 'DescribeContinuousBackups'
  | 'DescribeTable'
  | 'DescribeTimeToLive'
  | 'ListTables'
  | 'PutItem'
  | 'Scan'
  | 'TransactWriteItems'

/** The least input with which the SDK finds the endpoint; the body is ours. */
export function makeCommand(sdk: Sdk, operation: Operation, table: string) {
  switch (operation) {
    case 'BatchGetItem':
      return new sdk.BatchGetItemCommand({ RequestItems: { [table]: { Keys: [] } } })
    case 'BatchWriteItem':
      return new sdk.BatchWriteItemCommand({ RequestItems: { [table]: [] } })
    case 'CreateTable':
      return new sdk.CreateTableCommand({ TableName: table })
    case 'DeleteItem':
      return new sdk.DeleteItemCommand({ TableName: table, Key: {} })
    case 'DeleteTable':
      return new sdk.DeleteTableCommand({ TableName: table })
    case 'DescribeContinuousBackups':
      return new sdk.DescribeContinuousBackupsCommand({ TableName: table })
    case 'DescribeTimeToLive':
      return new sdk.DescribeTimeToLiveCommand({ TableName: table })
    case 'DescribeTable':
      return new sdk.DescribeTableCommand({ TableName: table })
    case 'ListTables':
      return new sdk.ListTablesCommand({})
    case 'PutItem':
      return new sdk.PutItemCommand({ TableName: table, Item: {} })
    case 'Scan':
      return new sdk.ScanCommand({ TableName: table })
    case 'TransactWriteItems':
      return new sdk.TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName: table, Item: {} } }], ClientRequestToken: 'unused' })
  }
}
